"""The playback bar: transport, frame number and time, and the track to scrub on."""

from __future__ import annotations

from imgui_bundle import ImVec2, icons_fontawesome_6, imgui

from viewer.app import ViewerApp
from viewer.app_document import Document
from viewer.panels.widgets import button, em


class TimelinePanel:
    """Transport buttons over a track of frames."""

    title = "Timeline"

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        imgui.begin_disabled(document is None)
        if document is not None:
            self._draw_transport(app, document)
            self._draw_track(app, document)
        imgui.end_disabled()

    def _draw_transport(self, app: ViewerApp, document: Document) -> None:
        clock = document.playback
        icon = icons_fontawesome_6.ICON_FA_PAUSE if clock.playing else icons_fontawesome_6.ICON_FA_PLAY
        if button(f"{icon}###play", "Play or pause (Space)", width=em(2.5)):
            clock.toggle()
            app.redraw()
        imgui.same_line()
        imgui.set_next_item_width(em(5))
        changed, frame = imgui.input_int("###frame", clock.frame, 0, 0)
        if changed:
            clock.pause()
            clock.seek(frame)
        imgui.same_line()
        imgui.text(f"/ {clock.num_frames - 1}   {clock.timecode}   {clock.frame / clock.fps:.3f} s")

    def _draw_track(self, app: ViewerApp, document: Document) -> None:
        clock = document.playback
        width, height = max(em(4), imgui.get_content_region_avail().x), em(2)
        corner = imgui.get_cursor_screen_pos()
        imgui.invisible_button("###track", ImVec2(width, height))
        last = max(1, clock.num_frames - 1)
        if imgui.is_item_active():
            clock.begin_scrub()
            clock.seek((imgui.get_mouse_pos().x - corner.x) / width * last)
            app.note_motion()
        elif clock.scrubbing:
            clock.end_scrub()
        draw = imgui.get_window_draw_list()
        end = ImVec2(corner.x + width, corner.y + height)
        draw.add_rect_filled(corner, end, imgui.get_color_u32(imgui.Col_.frame_bg), 3)
        x = corner.x + clock.time / last * width
        draw.add_line(ImVec2(x, corner.y), ImVec2(x, end.y), imgui.get_color_u32(imgui.Col_.slider_grab_active), 2)
