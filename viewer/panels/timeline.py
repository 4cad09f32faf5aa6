"""The timeline: transport buttons, frame number and timecode, speed and loop in one line, and the tracks below."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui
from imgui_bundle import icons_fontawesome_6 as icons

from common.errors import InputError
from viewer.actions.runner import ActionRunner
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.panels.path_track import TRACK_HEIGHT as PATH_TRACK_HEIGHT
from viewer.panels.path_track import PathTrack
from viewer.panels.timeline_track import TRACK_HEIGHT, TimelineTrack
from viewer.playback.clock import MAX_SPEED, MIN_SPEED, LoopMode, Playback
from viewer.playback.timecode import parse_timecode
from viewer.widgets.controls import (
    action_button,
    action_tip,
    button,
    button_width,
    combo,
    em,
    sentence_case,
    slider,
    tooltip,
)

LOOP_MODES = tuple(LoopMode)

OPTIONS_WIDTH = 24.6
"""Width of the controls for speed, loop, range and markers, text heights."""

VOLUME_WIDTH = 4.0
"""Width of the volume, text heights."""

BUTTON, GAP = 2.0, 0.25
"""Width of a button with an icon, and the space between two, text heights."""


class TimelinePanel:
    """The playback clock's controls in one line, and its track below them. What does not fit into the line is in a menu.

    Args:
        actions: runs the actions of the buttons.
        path_track: the track of the camera path, which the layout "direct" shows below.
    """

    title = "Timeline"

    def __init__(self, actions: ActionRunner, path_track: PathTrack) -> None:
        self._actions = actions
        self._track = TimelineTrack()
        self._path_track = path_track

    def name_marker(self, frame: int) -> None:
        """Ask for the name of the marker at a frame."""
        self._track.name_marker(frame)

    def draw(self, app: ViewerApp, with_track: bool = True) -> None:
        """Draw into the current window; in a small one, only the line of controls."""
        document = app.document
        if document is None:
            imgui.align_text_to_frame_padding()
            imgui.text_disabled("No video is open.")
            return
        self._draw_line(app, document)
        if with_track:
            self._track.draw(app, document)
            if app.settings.window.layout == "direct":
                self._path_track.draw(app, document)

    def _draw_line(self, app: ViewerApp, document: Document) -> None:
        clock = document.playback
        place, count = f"{clock.timecode}  {clock.time / clock.fps:7.3f} s", f"/ {clock.num_frames - 1}"
        dropped = button_width(f"{clock.dropped} dropped") + em(0.4) if clock.dropped else 0.0
        parts = parts_that_fit(
            {
                "frame": em(5.5) + imgui.calc_text_size(count).x,
                **(sound_widths() if document.video.metadata.sound is not None else {}),
                "ends": em(2 * (BUTTON + GAP)),
                "options": em(OPTIONS_WIDTH + 0.8) + dropped,
                "place": em(0.8) + imgui.calc_text_size(place).x,
            },
            imgui.get_content_region_avail().x - em(4 * (BUTTON + GAP)),
        )
        self._draw_transport(document, "ends" in parts)
        if "frame" in parts:
            imgui.same_line(0, em(0.6))
            self._draw_frame(app, document, count, place)
        if "mute" in parts:
            imgui.same_line(0, em(0.6))
            self._draw_sound(app, "volume" in parts)
        if "place" in parts:
            imgui.same_line(0, em(0.8))
            imgui.text_disabled(place)
            tooltip("Timecode (hours:minutes:seconds:frames) and seconds of the capture.")
        if "options" in parts:
            right = imgui.get_content_region_avail().x + imgui.get_cursor_screen_pos().x
            imgui.same_line(0, em(0.8))
            self._move_right(em(OPTIONS_WIDTH) + dropped, right)
            self._draw_options(document)
        else:
            imgui.same_line(0, em(0.6))
            self._draw_more(document)

    def _move_right(self, width: float, right: float) -> None:
        """Let controls of this width end at the right edge of the window."""
        cursor = imgui.get_cursor_screen_pos()
        imgui.set_cursor_screen_pos(ImVec2(max(cursor.x, right - width), cursor.y))

    def _draw_transport(self, document: Document, with_ends: bool) -> None:
        clock = document.playback
        play = icons.ICON_FA_PAUSE if clock.playing else icons.ICON_FA_PLAY
        buttons = (
            ("playback.start", icons.ICON_FA_BACKWARD_FAST),
            ("playback.previous", icons.ICON_FA_BACKWARD_STEP),
            ("playback.toggle", play),
            ("playback.next", icons.ICON_FA_FORWARD_STEP),
            ("playback.end", icons.ICON_FA_FORWARD_FAST),
        )
        for index, (name, icon) in enumerate(buttons if with_ends else buttons[1:-1]):
            if index:
                imgui.same_line(0, em(GAP))
            action_button(self._actions, name, icon, False, em(BUTTON))

    def _draw_sound(self, app: ViewerApp, with_volume: bool) -> None:
        playback = app.settings.playback
        silent = playback.muted or playback.volume == 0
        icon = icons.ICON_FA_VOLUME_XMARK if silent else icons.ICON_FA_VOLUME_HIGH
        action_button(self._actions, "playback.mute", icon, False, em(BUTTON))
        if with_volume:
            imgui.same_line(0, em(GAP))
            imgui.set_next_item_width(em(VOLUME_WIDTH))
            tip = "Volume. Sound plays only forward, at normal speed (1x)."
            volume = slider("###volume", 100 * playback.volume, 0.0, 100.0, tip, "%.0f %%")
            if volume != 100 * playback.volume:
                playback.volume, playback.muted = min(max(volume / 100, 0.0), 1.0), False

    def _draw_more(self, document: Document) -> None:
        if button(f"{icons.ICON_FA_ELLIPSIS}###more", "Speed, loop, in and out points, markers.", width=em(BUTTON)):
            imgui.open_popup("more")
        if imgui.begin_popup("more"):
            self._draw_options(document, in_line=False)
            imgui.end_popup()

    def _draw_frame(self, app: ViewerApp, document: Document, count: str, place: str) -> None:
        clock = document.playback
        imgui.set_next_item_width(em(4.5))
        shown = f"{clock.time:.3f}".rstrip("0").rstrip(".")
        entered, text = imgui.input_text("###frame", shown, imgui.InputTextFlags_.enter_returns_true)
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
        imgui.text(count)

    def _draw_options(self, document: Document, in_line: bool = True) -> None:
        clock = document.playback
        imgui.set_next_item_width(em(5))
        tip = f"Playback speed as a multiple of the capture's. Keys {BY_NAME['playback.slower'].shortcut()} and ="
        speed = slider("###speed", clock.speed, MIN_SPEED, MAX_SPEED, tip, "%.2fx", logarithmic=True)
        if speed != clock.speed:
            clock.speed = speed
        imgui.same_line(0, em(0.4))
        imgui.set_next_item_width(em(5.5))
        names = sentence_case([mode.value for mode in LOOP_MODES])
        mode = LOOP_MODES[combo("###loop", LOOP_MODES.index(clock.mode), names, action_tip("playback.loop"))]
        if mode is not clock.mode:
            clock.mode = mode
        if in_line:
            imgui.same_line(0, em(0.4))
        self._draw_buttons(clock)

    def _draw_buttons(self, clock: Playback) -> None:
        buttons = (
            ("playback.reverse", icons.ICON_FA_BACKWARD, clock.reverse),
            ("playback.sub_frame", icons.ICON_FA_STOPWATCH, clock.sub_frame),
            ("playback.in", icons.ICON_FA_RIGHT_FROM_BRACKET, False),
            ("playback.out", icons.ICON_FA_RIGHT_TO_BRACKET, False),
            ("playback.clear_range", icons.ICON_FA_ARROWS_LEFT_RIGHT_TO_LINE, False),
            ("playback.marker", icons.ICON_FA_BOOKMARK, clock.frame in clock.markers),
        )
        for index, (name, icon, active) in enumerate(buttons):
            if index:
                imgui.same_line(0, em(GAP))
            action_button(self._actions, name, icon, active, em(BUTTON))
        if clock.dropped:
            imgui.same_line(0, em(0.4))
            tip = "Frames that were skipped because rendering was too slow. Click to reset the count."
            if button(f"{clock.dropped} dropped###dropped", tip):
                clock.reset_dropped()


def timeline_height(tracks: int) -> float:
    """Return the height of the timeline in pixels with the tracks of playback (1) and of the camera path (2), or none (0)."""
    style = imgui.get_style()
    heights = (TRACK_HEIGHT, PATH_TRACK_HEIGHT)[:tracks]
    return imgui.get_frame_height() + sum(em(height) + style.item_spacing.y for height in heights) + 2 * style.window_padding.y


def sound_widths() -> dict[str, float]:
    """Return the widths of the controls of the sound, pixels."""
    return {"mute": em(BUTTON + 0.6), "volume": em(VOLUME_WIDTH + GAP)}


def parts_that_fit(widths: dict[str, float], room: float) -> set[str]:
    """Return the parts of the line, most important first, that fit into a room in pixels."""
    shown = set()
    for name, width in widths.items():
        if width <= room:
            shown.add(name)
            room -= width
    return shown
