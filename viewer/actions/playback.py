"""The menu Playback: the clock, its range and its markers."""

from __future__ import annotations

from collections.abc import Callable

from viewer.actions.action import SEPARATOR, Action, front, menu, next_stop
from viewer.actions.conditions import HAS_FRAMES, HAS_RANGE, HAS_SOUND, OPEN
from viewer.app.app import ViewerApp
from viewer.app.window_state import NameMarker
from viewer.playback.clock import LoopMode, Playback

SPEEDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Speeds that "faster" and "slower" go through."""


def clock(app: ViewerApp) -> Playback:
    """Return the clock of the front document."""
    return front(app).playback


def toggle(app: ViewerApp) -> None:
    """Play or pause."""
    front(app).previewing = False
    clock(app).toggle()


def pause_at(app: ViewerApp, frame: int) -> None:
    """Pause and show a frame."""
    clock(app).pause()
    clock(app).seek(frame)


def reverse(app: ViewerApp) -> None:
    """Play in the other direction."""
    clock(app).reverse = not clock(app).reverse


def next_loop_mode(app: ViewerApp) -> None:
    """Choose the next behavior at the end of the range."""
    modes = list(LoopMode)
    clock(app).mode = modes[(modes.index(clock(app).mode) + 1) % len(modes)]
    app.messages.set_status(f"At the end: {clock(app).mode.value}")


def set_speed(app: ViewerApp, speed: float) -> None:
    """Play at a multiple of the capture's rate."""
    clock(app).speed = speed
    app.messages.set_status(f"Speed {speed:g}x")


def change_speed(app: ViewerApp, step: int) -> None:
    """Raise (`step` 1) or lower (-1) the speed."""
    set_speed(app, next_stop(SPEEDS, clock(app).speed, step))


def toggle_sub_frame(app: ViewerApp) -> None:
    """Show instants between frames in slow motion, or whole frames only."""
    playback = clock(app)
    playback.sub_frame = not playback.sub_frame
    if not playback.sub_frame and not playback.playing:
        playback.seek(playback.time)
    app.messages.set_status("Slow motion interpolates between frames" if playback.sub_frame else "Whole frames only")


def toggle_mute(app: ViewerApp) -> None:
    """Play the sound, or stop playing it."""
    playback = app.settings.playback
    playback.muted = not playback.muted
    app.sound.try_again()
    app.messages.set_status("Sound off" if playback.muted else "Sound on")


def name_marker(app: ViewerApp) -> None:
    """Mark the frame if it is not marked yet, and ask for the marker's name."""
    playback = clock(app)
    if playback.frame not in playback.markers:
        playback.toggle_marker()
    playback.pause()
    app.window.request(NameMarker(playback.frame))


def _step(name: str, label: str, tooltip: str, frames: int, keys: str) -> Action:
    return Action(f"playback.{name}", label, tooltip, lambda app: clock(app).step(frames), keys, HAS_FRAMES, repeats=True)


def _go_to(name: str, label: str, tooltip: str, frame: Callable[[Playback], int], keys: str) -> Action:
    return Action(f"playback.{name}", label, tooltip, lambda app: pause_at(app, frame(clock(app))), keys, HAS_FRAMES)


def _change(name: str, label: str, tooltip: str, change: Callable[[Playback], object], keys: str) -> Action:
    return Action(f"playback.{name}", label, tooltip, lambda app: change(clock(app)), keys, OPEN)


PLAYBACK = menu(
    Action("playback.toggle", "Play / pause", "Start or pause playback.", toggle, "Space", HAS_FRAMES),
    SEPARATOR,
    _step("next", "Next frame", "Pause and go one frame forward.", 1, ". Right"),
    _step("previous", "Previous frame", "Pause and go one frame back.", -1, ", Left"),
    _step("skip", "Ten frames forward", "Pause and go ten frames forward.", 10, "Shift+Right"),
    _step("skip_back", "Ten frames back", "Pause and go ten frames back.", -10, "Shift+Left"),
    SEPARATOR,
    _go_to("start", "Go to the in point", "Go to the first frame of the range.", lambda clock: clock.in_point, "Shift+Home"),
    _go_to("end", "Go to the out point", "Show the last frame of the range.", lambda clock: clock.out_point, "End"),
    SEPARATOR,
    Action("playback.reverse", "Reverse", "Play in the other direction.", reverse, "R", HAS_FRAMES),
    Action(
        "playback.loop", "Loop / ping-pong / once", "Choose what happens at the end of the range.", next_loop_mode, "L", OPEN
    ),
    SEPARATOR,
    Action("playback.faster", "Faster", "Raise the playback speed.", lambda app: change_speed(app, 1), "= Shift+=", OPEN),
    Action("playback.slower", "Slower", "Lower the playback speed.", lambda app: change_speed(app, -1), "-", OPEN),
    Action(
        "playback.normal_speed", "Normal speed", "Play at the speed of the capture.", lambda app: set_speed(app, 1.0), "0", OPEN
    ),
    Action(
        "playback.sub_frame",
        "Interpolate between frames",
        "In slow motion, show times between frames.",
        toggle_sub_frame,
        "T",
        OPEN,
    ),
    Action(
        "playback.mute",
        "Mute",
        "Play without sound. Sound plays only forward, at normal speed (1x).",
        toggle_mute,
        "Shift+V",
        HAS_SOUND,
        checked=lambda app: app.settings.playback.muted,
    ),
    SEPARATOR,
    _change("in", "Set in point", "Start the range at this frame.", Playback.set_in_point, "I"),
    _change("out", "Set out point", "End the range at this frame.", Playback.set_out_point, "O"),
    Action(
        "playback.clear_range",
        "Clear in and out points",
        "Play the whole video.",
        lambda app: clock(app).clear_range(),
        "Alt+X",
        HAS_RANGE,
    ),
    SEPARATOR,
    _change("marker", "Toggle marker", "Mark this frame, or remove its marker.", Playback.toggle_marker, "M"),
    Action("playback.name_marker", "Name marker...", "Mark this frame and name its marker.", name_marker, "Shift+M", OPEN),
    _change("next_marker", "Next marker", "Go to the next marker.", lambda clock: clock.seek_marker(1), "Shift+. Down"),
    _change(
        "previous_marker",
        "Previous marker",
        "Go to the previous marked frame.",
        lambda clock: clock.seek_marker(-1),
        "Shift+, Up",
    ),
)
