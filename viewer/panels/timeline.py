"""The timeline panel: transport buttons, frame number and timecode, speed and loop, and the track below."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from common.errors import InputError
from viewer.actions.runner import ActionRunner
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.panels.timeline_track import TimelineTrack
from viewer.playback.clock import MAX_SPEED, MIN_SPEED, LoopMode
from viewer.playback.timecode import parse_timecode
from viewer.widgets.controls import (
    action_button,
    action_tip,
    button,
    button_width,
    combo,
    em,
    flow,
    sentence_case,
    slider,
    tooltip,
)

LOOP_MODES = tuple(LoopMode)

OPTIONS_WIDTH = 27.25
"""Width of the controls for speed, loop, range and markers, text heights."""


class TimelinePanel:
    """Controls of the playback clock.

    Args:
        actions: runs the actions of the buttons.
    """

    title = "Timeline"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions
        self._track = TimelineTrack()

    def name_marker(self, frame: int) -> None:
        """Ask for the name of the marker at a frame."""
        self._track.name_marker(frame)

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        if document is None:
            imgui.text_disabled("No video is open.")
            return
        right = imgui.get_cursor_screen_pos().x + imgui.get_content_region_avail().x
        self._draw_transport(document)
        imgui.same_line(0, em(0.8))
        self._draw_position(app, document)
        if imgui.get_item_rect_max().x + em(OPTIONS_WIDTH) < right:  # otherwise on its own line
            imgui.same_line(0, em(0.8))
        self._draw_playback_options(document)
        self._track.draw(app, document)

    def _draw_transport(self, document: Document) -> None:
        clock = document.playback
        play = icons.ICON_FA_PAUSE if clock.playing else icons.ICON_FA_PLAY
        buttons = (
            ("playback.start", icons.ICON_FA_BACKWARD_FAST, False),
            ("playback.previous", icons.ICON_FA_BACKWARD_STEP, False),
            ("playback.toggle", play, clock.playing),
            ("playback.next", icons.ICON_FA_FORWARD_STEP, False),
            ("playback.end", icons.ICON_FA_FORWARD_FAST, False),
        )
        for index, (name, icon, active) in enumerate(buttons):
            if index:
                imgui.same_line(0, em(0.25))
            action_button(self._actions, name, icon, active, em(2))

    def _draw_position(self, app: ViewerApp, document: Document) -> None:
        clock = document.playback
        imgui.set_next_item_width(em(4.5))
        shown = f"{clock.time:.3f}".rstrip("0").rstrip(".")
        entered, text = imgui.input_text("###frame", shown, imgui.InputTextFlags_.enter_returns_true)
        place = f"{clock.timecode}  {clock.time / clock.fps:7.3f} s"
        tooltip(f"Frame number, now {place}. Type a number or a timecode such as 00:00:02:15, then press Enter.")
        if entered:
            try:
                frame = parse_timecode(text, clock.fps)
            except InputError as error:
                app.messages.set_status(str(error))
            else:
                clock.pause()
                clock.seek(frame)
        imgui.same_line(0, em(0.4))
        imgui.align_text_to_frame_padding()
        imgui.text(f"/ {clock.num_frames - 1}")
        imgui.same_line(0, em(0.8))
        if imgui.calc_text_size(place).x > imgui.get_content_region_avail().x:  # a cut text would be worse than none
            imgui.new_line()
            return
        imgui.text_disabled(place)
        tooltip("Timecode (hours:minutes:seconds:frames) and seconds of the capture.")

    def _draw_playback_options(self, document: Document) -> None:
        clock = document.playback
        imgui.set_next_item_width(em(5))
        tip = f"Playback speed as a multiple of the capture's. Keys {BY_NAME['playback.slower'].shortcut()} and ="
        speed = slider("###speed", clock.speed, MIN_SPEED, MAX_SPEED, tip, "%.2fx", logarithmic=True)
        if speed != clock.speed:
            clock.speed = speed
        flow(em(5.5), 0.4)
        imgui.set_next_item_width(em(5.5))
        names = sentence_case([mode.value for mode in LOOP_MODES])
        mode = LOOP_MODES[combo("###loop", LOOP_MODES.index(clock.mode), names, action_tip("playback.loop"))]
        if mode is not clock.mode:
            clock.mode = mode
        buttons = (
            ("playback.reverse", icons.ICON_FA_BACKWARD, clock.reverse),
            ("playback.sub_frame", icons.ICON_FA_STOPWATCH, clock.sub_frame),
            ("playback.in", icons.ICON_FA_RIGHT_FROM_BRACKET, False),
            ("playback.out", icons.ICON_FA_RIGHT_TO_BRACKET, False),
            ("playback.clear_range", icons.ICON_FA_ARROWS_LEFT_RIGHT_TO_LINE, False),
            ("playback.marker", icons.ICON_FA_BOOKMARK, clock.frame in clock.markers),
        )
        for index, (name, icon, active) in enumerate(buttons):
            flow(em(2), 0.25 if index else 0.4)
            action_button(self._actions, name, icon, active, em(2))
        if clock.dropped:
            flow(button_width(f"{clock.dropped} dropped"), 0.4)
            tip = "Frames that were skipped because rendering was too slow. Click to reset the count."
            if button(f"{clock.dropped} dropped###dropped", tip):
                clock.reset_dropped()
