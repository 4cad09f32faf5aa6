"""The camera path's track: keyframes and a playhead to drag."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui

from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.path_edits import go_to_path_time, path_state, record_path_edit, show_path_time
from viewer.camera_path.history import PathState
from viewer.widgets.controls import em, faded, theme_color, track_ground

LABEL_WIDTH = 3.0
"""Width of a label on the track, text heights."""

TRACK_HEIGHT = 2.4
"""Height of the track, text heights."""


def label_step(seconds: float, labels: float) -> int:
    """Return the seconds between labels: 1, 2 or 5 times a power of ten, so that at most about `labels` of them are shown."""
    least = max(1.0, seconds / max(labels, 1.0))
    power = 10 ** math.floor(math.log10(least))
    return int(next(step * power for step in (1, 2, 5, 10) if step * power >= least))


class DragEdit:
    """Makes everything from pressing to releasing a control one edit of the camera path."""

    def __init__(self) -> None:
        self._before: PathState | None = None  # the path when the current drag began

    def follow(self, document: Document, before: PathState) -> None:
        """Record the edit by the last control; `before` is the path before it was drawn."""
        if imgui.is_item_activated():
            self._before = before
        if imgui.is_item_deactivated() and self._before is not None:
            record_path_edit(document, self._before)
            self._before = None


class PathTrack:
    """Draws the track. The mouse drags keyframes and the playhead."""

    def __init__(self) -> None:
        self._dragged: int | None = None
        self._edit = DragEdit()

    def draw(self, app: ViewerApp, document: Document) -> None:
        """Draw over the whole width of the current window."""
        width, height = max(em(8), imgui.get_content_region_avail().x), em(TRACK_HEIGHT)
        corner = imgui.get_cursor_screen_pos()
        imgui.invisible_button("###path track", ImVec2(width, height))
        left, span = corner.x + em(0.8), width - em(1.6)
        longest = max(1.0, document.camera_path.end * 1.1)
        self._handle_mouse(app, document, left, span / longest)
        draw = imgui.get_window_draw_list()
        track_ground(corner, ImVec2(corner.x + width, corner.y + height))
        apart = label_step(longest, span / em(LABEL_WIDTH))
        for second in range(0, int(longest) + 1, apart):
            x = left + second * span / longest
            draw.add_line(ImVec2(x, corner.y), ImVec2(x, corner.y + em(1.2)), theme_color(imgui.Col_.text_disabled))
            label, gap = f"{second} s", em(0.2)
            text_width = imgui.calc_text_size(label).x
            if x + em(LABEL_WIDTH) < corner.x + width:
                draw.add_text(ImVec2(x + gap, corner.y), theme_color(imgui.Col_.text_disabled), label)
            elif apart * span / longest > 2 * text_width + 3 * gap:  # left of its tick, if the previous label leaves room
                draw.add_text(ImVec2(x - gap - text_width, corner.y), theme_color(imgui.Col_.text_disabled), label)
        self._draw_keyframes(document, corner, height, left, span / longest)

    def _draw_keyframes(self, document: Document, corner: ImVec2, height: float, left: float, scale: float) -> None:
        draw, path = imgui.get_window_draw_list(), document.camera_path
        y, size = corner.y + height * 0.62, em(0.5)
        if len(path) > 1:
            draw.add_line(
                ImVec2(left + path.start * scale, y), ImVec2(left + path.end * scale, y), faded(imgui.Col_.text, 0.4), 2
            )
        last = -math.inf
        for index, keyframe in enumerate(path.keyframes):
            x = left + keyframe.time * scale
            chosen = index == document.selected_keyframe
            if x < last + 1 and not chosen:
                continue  # it would be drawn over the previous one
            last = x
            color = theme_color(imgui.Col_.plot_lines_hovered if chosen else imgui.Col_.plot_lines)
            points = (ImVec2(x, y - size), ImVec2(x + size, y), ImVec2(x, y + size), ImVec2(x - size, y))
            draw.add_quad_filled(*points, color)
        x = left + document.path_time * scale
        draw.add_line(ImVec2(x, corner.y), ImVec2(x, corner.y + height), theme_color(imgui.Col_.text), 2)

    def _handle_mouse(self, app: ViewerApp, document: Document, left: float, scale: float) -> None:
        time = max(0.0, (imgui.get_mouse_pos().x - left) / scale)
        path, before = document.camera_path, path_state(document)
        if imgui.is_item_activated():
            document.camera.begin_gesture()
            near = [i for i, k in enumerate(path.keyframes) if abs(k.time - time) * scale < em(0.6)]
            self._dragged = min(near, key=lambda i: abs(path.keyframes[i].time - time)) if near else None
            if self._dragged is not None:
                document.selected_keyframe = self._dragged
                document.path_time = path.keyframes[self._dragged].time
        if imgui.is_item_active() and self._dragged is not None:
            if imgui.is_mouse_dragging(imgui.MouseButton_.left, 3.0):
                self._dragged = document.selected_keyframe = path.move(self._dragged, round(time, 2))
        elif imgui.is_item_active() and len(path):
            document.path_time = min(max(time, path.start), path.end)
            show_path_time(document)
            app.redraw.record_motion()
        if imgui.is_item_deactivated():
            document.camera.end_gesture()
        self._edit.follow(document, before)
        if imgui.is_item_hovered() and not imgui.is_item_active():
            imgui.set_tooltip("Drag a keyframe to change its time, or the playhead to move along the path.")
        if imgui.is_item_hovered() and imgui.is_mouse_double_clicked(imgui.MouseButton_.left) and self._dragged is not None:
            go_to_path_time(document)
            app.redraw.record_motion()
