"""The timeline's track: ticks, decoded frames, in and out points, markers and the playhead."""

from __future__ import annotations

from typing import Any

from imgui_bundle import ImVec2, ImVec4, imgui

from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.playback.clock import Playback
from viewer.playback.timecode import format_timecode, tick_time
from viewer.sound.waveform import Peaks
from viewer.widgets.controls import em, faded, theme_color, tooltip, track_ground

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""Possible numbers of frames between labeled ticks."""

TRACK_HEIGHT = 2.6
"""Height of the track, text heights."""

MARGIN = 1.0
"""Space before the first and after the last frame, text heights."""

BUFFERING = "Loading…"
"""Mark at the playhead while the picture waits for a part of the video."""

DECODED = (0.25, 0.78, 0.56), (0.05, 0.50, 0.33)
"""Color of the bar of decoded frames on a dark and on a light theme."""

DAMAGED = (0.95, 0.33, 0.31), (0.78, 0.12, 0.12)
"""Color of the bar of damaged frames on a dark and on a light theme."""

MARKER = (1.0, 0.62, 0.2), (0.78, 0.33, 0.0)
"""Color of the markers on a dark and on a light theme."""

COLUMN = 2.0
"""Width of a column of the waveform, pixels."""

WAVE_MIDDLE, WAVE_HEIGHT, WAVE_OPACITY = 0.56, 0.7, 0.3
"""Middle and height of the waveform as shares of the track's height, and its opacity."""

OUTSIDE = 0.8
"""Opacity of the shade over frames outside the range."""


class TimelineTrack:
    """Draws the track. The mouse scrubs, drags in and out points and markers, and names markers."""

    def __init__(self) -> None:
        self._held = ""
        self._marker = 0  # frame of the marker that is dragged or named
        self._waveform: tuple[Peaks, tuple[float, ...], list[Any]] | None = None
        self._to_name: int | None = None  # frame of the marker whose name is asked for when the track is drawn next

    def draw(self, app: ViewerApp, document: Document) -> None:
        """Draw over the whole width of the window."""
        clock = document.playback
        width, height = max(em(8), imgui.get_content_region_avail().x), em(TRACK_HEIGHT)
        corner = imgui.get_cursor_screen_pos()
        imgui.invisible_button("###track", ImVec2(width, height))
        margin = em(MARGIN)
        scale = TrackScale(corner.x + margin, width - 2 * margin, max(1, clock.num_frames - 1))
        self._handle_mouse(app, clock, scale, corner.y + height * 0.45)
        self._explain(document, scale)
        self._name_marker(clock, scale)
        self._draw_background(app, document, scale, corner, ImVec2(width, height))
        self._draw_points(clock, scale, corner, height)
        self._draw_labels(clock, scale, corner.y)
        self._draw_damaged(document, scale, corner.y + height)
        if document.buffering:
            self._draw_buffering(clock, scale, corner, height)

    def _draw_buffering(self, clock: Playback, scale: TrackScale, corner: ImVec2, height: float) -> None:
        """Mark the playhead: the picture is an earlier one until a part of the video is loaded."""
        text, space = imgui.calc_text_size(BUFFERING), em(0.3)
        right = scale.left + scale.width - text.x - 2 * space
        place = ImVec2(max(corner.x, min(scale.x(clock.time) + em(0.6), right)), corner.y + (height - text.y) / 2)
        end = ImVec2(place.x + text.x + 2 * space, place.y + text.y)
        draw = imgui.get_window_draw_list()
        draw.add_rect_filled(place, end, theme_color(imgui.Col_.popup_bg), em(0.2))
        draw.add_text(ImVec2(place.x + space, place.y), theme_color(imgui.Col_.text), BUFFERING)

    def _handle_mouse(self, app: ViewerApp, clock: Playback, scale: TrackScale, middle: float) -> None:
        mouse = imgui.get_mouse_pos()
        if imgui.is_item_activated():
            self._held = self._grabbed(clock, scale, mouse, middle)
            if self._held == "playhead":
                clock.begin_scrub()
        if imgui.is_item_active():
            frame = scale.frame_at(mouse.x)
            app.redraw.record_motion()
            if self._held == "in":
                clock.set_in_point(min(round(frame), clock.out_point))
            elif self._held == "out":
                clock.set_out_point(max(round(frame), clock.in_point))
            elif self._held == "marker":
                self._marker = clock.move_marker(self._marker, round(frame))
            else:
                clock.seek(frame if clock.sub_frame else round(frame))
        elif clock.scrubbing:
            clock.end_scrub()

    def _grabbed(self, clock: Playback, scale: TrackScale, mouse: ImVec2, middle: float) -> str:
        # Handles and markers are in the lower half; above them the mouse can still scrub.
        near, marker = em(0.5), nearest_marker(clock, scale, mouse.x)
        if mouse.y > middle and marker is not None:
            self._marker = marker
            return "marker"
        if mouse.y > middle and clock.has_range:
            if abs(mouse.x - scale.x(clock.in_point)) < near:
                return "in"
            if abs(mouse.x - scale.x(clock.out_point)) < near:
                return "out"
        return "playhead"

    def _draw_background(self, app: ViewerApp, document: Document, scale: TrackScale, corner: ImVec2, size: ImVec2) -> None:
        draw, clock = imgui.get_window_draw_list(), document.playback
        end = ImVec2(corner.x + size.x, corner.y + size.y)
        track_ground(corner, end)
        self._draw_waveform(app, document, scale, corner, size.y)
        for first, last, left, right in (
            (0, clock.in_point, corner.x, scale.x(clock.in_point)),
            (clock.out_point, clock.num_frames - 1, scale.x(clock.out_point), end.x),
        ):
            if first < last:
                shade = faded(imgui.Col_.title_bg, OUTSIDE)
                draw.add_rect_filled(ImVec2(left, corner.y), ImVec2(right, end.y), shade, em(0.3))
        self._draw_ticks(clock, scale, corner.y)
        self._draw_decoded(document, scale, end.y)

    def _draw_waveform(self, app: ViewerApp, document: Document, scale: TrackScale, corner: ImVec2, height: float) -> None:
        """Draw the loudness of the sound as one zigzag line: a call per column would take milliseconds."""
        count = max(1, round(scale.width / COLUMN))
        peaks = app.sound.columns(document, count)
        if peaks is None:
            return
        place = scale.left, corner.y, scale.width, height
        if self._waveform is None or self._waveform[0] is not peaks or self._waveform[1] != place:
            points = waveform_points(peaks, scale, corner.y + WAVE_MIDDLE * height, WAVE_HEIGHT * height / 2)
            self._waveform = peaks, place, points
        color = faded(imgui.Col_.text, WAVE_OPACITY)
        imgui.get_window_draw_list().add_polyline(self._waveform[2], color, thickness=1.0, flags=0)

    def _draw_ticks(self, clock: Playback, scale: TrackScale, top: float) -> None:
        draw, color = imgui.get_window_draw_list(), theme_color(imgui.Col_.text_disabled)
        for frame in labeled_frames(clock.num_frames, tick_step(scale)):
            x = scale.x(frame)
            draw.add_line(ImVec2(x, top), ImVec2(x, top + em(0.5)), color)

    def _draw_labels(self, clock: Playback, scale: TrackScale, top: float) -> None:
        # Markers need the place below the frame numbers: times go next to the numbers if they fit.
        step = tick_step(scale)
        in_line = times_fit_next_to_frames(clock, step, step * scale.width / scale.last)
        for frame in labeled_frames(clock.num_frames, step):
            x, passed = scale.x(frame), tick_time(frame, clock.fps)
            label = f"{frame} · {passed}" if passed and in_line and frame else str(frame)
            write_centered(clock, scale, ImVec2(x, top + em(0.45)), label)

    def _draw_decoded(self, document: Document, scale: TrackScale, bottom: float) -> None:
        draw, color = imgui.get_window_draw_list(), on_theme(DECODED)
        single = document.playback.num_frames == 1  # its only frame fills the whole track
        half = scale.width if single else max(0.5, scale.width / scale.last / 2)
        for time in document.view_renderer.cache.cached_times():
            x0 = max(scale.x(time) - half, scale.left)
            x1 = min(scale.x(time) + half, scale.left + scale.width)
            draw.add_rect_filled(ImVec2(x0, bottom - em(0.25)), ImVec2(x1, bottom), color)

    def _draw_damaged(self, document: Document, scale: TrackScale, bottom: float) -> None:
        """Draw a bar below frames that are known to be damaged."""
        draw, color, half = imgui.get_window_draw_list(), on_theme(DAMAGED), max(1.0, scale.width / scale.last / 2)
        for frames in document.video.damaged_frames():
            x0 = max(scale.x(frames[0]) - half, scale.left)
            x1 = min(scale.x(frames[-1]) + half, scale.left + scale.width)
            draw.add_rect_filled(ImVec2(x0, bottom - em(0.4)), ImVec2(x1, bottom), color)

    def _draw_points(self, clock: Playback, scale: TrackScale, corner: ImVec2, height: float) -> None:
        draw, bottom = imgui.get_window_draw_list(), corner.y + height
        ends = ((clock.in_point, 1), (clock.out_point, -1)) if clock.has_range else ()
        for frame, side in ends:
            x, size, color = scale.x(frame), em(0.55), theme_color(imgui.Col_.check_mark)
            draw.add_line(ImVec2(x, corner.y), ImVec2(x, bottom), color, 2)
            tip = ImVec2(x + side * size, bottom - size / 2)
            draw.add_triangle_filled(ImVec2(x, bottom - size), ImVec2(x, bottom), tip, color)
        for frame in clock.markers:
            x, size = scale.x(frame), em(0.35)
            y = corner.y + height * 0.72
            points = (ImVec2(x, y - size), ImVec2(x + size, y), ImVec2(x, y + size), ImVec2(x - size, y))
            draw.add_quad_filled(*points, on_theme(MARKER))
        x = scale.x(clock.time)
        color = theme_color(imgui.Col_.text)
        draw.add_line(ImVec2(x, corner.y), ImVec2(x, bottom), color, 2)
        size = em(0.4)
        draw.add_triangle_filled(ImVec2(x - size, corner.y), ImVec2(x + size, corner.y), ImVec2(x, corner.y + size), color)

    def _explain(self, document: Document, scale: TrackScale) -> None:
        clock = document.playback
        if imgui.is_item_hovered():
            x = imgui.get_mouse_pos().x
            frame = min(max(round(scale.frame_at(x)), 0), clock.num_frames - 1)
            label = f"  {clock.markers[frame]}" if clock.markers.get(frame) else ""
            marker = "\nRight-click to name the marker" if nearest_marker(clock, scale, x) is not None else ""
            damaged = ". Red: damaged frames" if document.video.damaged_frames() else ""
            place = f"Frame {frame}  {format_timecode(frame, clock.fps)}{label}"
            imgui.set_tooltip(f"{place}\nDrag to scrub. Green: decoded frames{damaged}{marker}")

    def name_marker(self, frame: int) -> None:
        """Ask for the name of the marker at a frame as soon as the track is drawn."""
        self._to_name = frame

    def _name_marker(self, clock: Playback, scale: TrackScale) -> None:
        marker, self._to_name = self._to_name, None
        if marker is not None:  # requested by a key, so the mouse may be anywhere
            imgui.set_next_window_pos(ImVec2(scale.x(marker), imgui.get_item_rect_min().y), imgui.Cond_.always, ImVec2(0, 1))
        elif imgui.is_item_hovered() and imgui.is_mouse_clicked(imgui.MouseButton_.right):
            marker = nearest_marker(clock, scale, imgui.get_mouse_pos().x)
        if marker is not None:
            self._marker = marker
            imgui.open_popup("marker")
        if not imgui.begin_popup("marker"):
            return
        if imgui.is_window_appearing():
            imgui.set_keyboard_focus_here()
        imgui.set_next_item_width(em(12))
        flags, hint = imgui.InputTextFlags_.enter_returns_true, "Name of the marker"
        entered, label = imgui.input_text_with_hint("###marker name", hint, clock.markers.get(self._marker, ""), flags)
        tooltip("Name that is shown when the mouse is over this frame.")
        clock.name_marker(self._marker, label)
        if entered or imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        imgui.end_popup()


def waveform_points(peaks: Peaks, scale: TrackScale, middle: float, half: float) -> list[Any]:
    """Return the corners of the line that shows a waveform, each an ImVec2 in pixels.

    Args:
        peaks: of each column from the first to the last frame, 0 to 1.
        scale: of the track.
        middle: y of silence, pixels.
        half: pixels from the middle to the loudest moment.
    """
    width, points = scale.width / len(peaks), list[ImVec2]()
    for index, peak in enumerate(peaks.tolist()):
        x, extent = scale.left + (index + 0.5) * width, max(0.5, peak * half)
        upper, lower = ImVec2(x, middle - extent), ImVec2(x, middle + extent)
        points += (upper, lower) if index % 2 else (lower, upper)
    return points


def times_fit_next_to_frames(clock: Playback, step: int, spacing: float) -> bool:
    """Return whether labels with frame and time fit on ticks every `step` frames, `spacing` pixels apart."""
    last = max((f for f in range(0, clock.num_frames, step) if tick_time(f, clock.fps)), default=0)
    widest = imgui.calc_text_size(f"{last} · {tick_time(last, clock.fps)}").x
    neighbor = widest if tick_time(step, clock.fps) else imgui.calc_text_size(str(clock.num_frames)).x
    return bool((widest + neighbor) / 2 + em(0.6) <= spacing)


def labeled_frames(count: int, step: int) -> list[int]:
    """Return the frames with labels: every `step` and the last one, without one that would touch the last."""
    frames = [frame for frame in range(0, count - 1, step) if frame == 0 or count - 1 - frame >= 0.7 * step]
    return [*frames, count - 1]


def tick_step(scale: TrackScale) -> int:
    """Return the number of frames between labeled ticks."""
    return next((s for s in STEPS if s * scale.width / scale.last > em(3.2)), STEPS[-1])


def write_centered(clock: Playback, scale: TrackScale, place: ImVec2, text: str) -> None:
    """Write a label centered at the x of `place`, within the track, below its y.

    The label covers the playhead or a point that would cross it.
    """
    draw, width = imgui.get_window_draw_list(), imgui.calc_text_size(text).x
    left = min(max(place.x - width / 2, scale.left - em(MARGIN)), scale.left + scale.width + em(MARGIN) - width)
    ends = (clock.in_point, clock.out_point) if clock.has_range else ()
    gap = em(0.15)
    if any(left - gap < scale.x(frame) < left + width + gap for frame in (clock.time, *ends)):
        corners = ImVec2(left - gap, place.y), ImVec2(left + width + gap, place.y + em())
        draw.add_rect_filled(*corners, theme_color(imgui.Col_.frame_bg))
    draw.add_text(ImVec2(left, place.y), theme_color(imgui.Col_.text_disabled), text)


def on_theme(colors: tuple[tuple[float, float, float], tuple[float, float, float]]) -> int:
    """Return the color for the current theme, dark or light, packed for draw lists."""
    background = imgui.get_style_color_vec4(imgui.Col_.frame_bg)
    light = background.x + background.y + background.z > 1.5
    return int(imgui.get_color_u32(ImVec4(*colors[light], 1.0)))


def nearest_marker(clock: Playback, scale: TrackScale, x: float) -> int | None:
    """Return the frame of the marker at `x`, pixels; None if there is none."""
    near = [frame for frame in clock.markers if abs(scale.x(frame) - x) < em(0.5)]
    return min(near, key=lambda frame: abs(scale.x(frame) - x)) if near else None


class TrackScale:
    """Maps frames to pixels of the track.

    Args:
        left: x of frame 0, pixels.
        width: pixels from the first to the last frame.
        last: index of the last frame, at least 1.
    """

    def __init__(self, left: float, width: float, last: int) -> None:
        self.left, self.width, self.last = left, max(1.0, width), last

    def x(self, frame: float) -> float:
        """Return the x of a frame index, pixels."""
        return self.left + frame / self.last * self.width

    def frame_at(self, x: float) -> float:
        """Return the frame index at a pixel, within the video."""
        return min(max((x - self.left) / self.width, 0.0), 1.0) * self.last
