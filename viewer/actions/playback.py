"""The menu Playback: the clock, its range and its markers."""

from __future__ import annotations

from viewer.actions.action import Action, front, next_stop
from viewer.actions.conditions import HAS_FRAMES, HAS_RANGE, OPEN
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


def toggle_sub_frame(app: ViewerApp) -> None:
    """Show instants between frames in slow motion, or whole frames only."""
    playback = clock(app)
    playback.sub_frame = not playback.sub_frame
    if not playback.sub_frame and not playback.playing:
        playback.seek(playback.time)
    app.messages.set_status("Slow motion interpolates between frames" if playback.sub_frame else "Whole frames only")


def name_marker(app: ViewerApp) -> None:
    """Mark the frame if it is not marked yet, and ask for the marker's name."""
    playback = clock(app)
    if playback.frame not in playback.markers:
        playback.toggle_marker()
    playback.pause()
    app.window.request(NameMarker(playback.frame))


PLAYBACK = (
    Action("playback.toggle", "Play / pause", "Start or pause playback.", toggle, ("Space",), HAS_FRAMES),
    Action(
        "playback.next",
        "Next frame",
        "Pause and go one frame forward.",
        lambda app: clock(app).step(1),
        (".", "Right"),
        HAS_FRAMES,
        repeats=True,
        starts_group=True,
    ),
    Action(
        "playback.previous",
        "Previous frame",
        "Pause and go one frame back.",
        lambda app: clock(app).step(-1),
        (",", "Left"),
        HAS_FRAMES,
        repeats=True,
    ),
    Action(
        "playback.skip",
        "Ten frames forward",
        "Pause and go ten frames forward.",
        lambda app: clock(app).step(10),
        ("Shift+Right",),
        HAS_FRAMES,
        repeats=True,
    ),
    Action(
        "playback.skip_back",
        "Ten frames back",
        "Pause and go ten frames back.",
        lambda app: clock(app).step(-10),
        ("Shift+Left",),
        HAS_FRAMES,
        repeats=True,
    ),
    Action(
        "playback.start",
        "Go to the in point",
        "Go to the first frame of the range.",
        lambda app: pause_at(app, clock(app).in_point),
        ("Shift+Home",),
        HAS_FRAMES,
        starts_group=True,
    ),
    Action(
        "playback.end",
        "Go to the out point",
        "Show the last frame of the range.",
        lambda app: pause_at(app, clock(app).out_point),
        ("End",),
        HAS_FRAMES,
    ),
    Action("playback.reverse", "Reverse", "Play in the other direction.", reverse, ("R",), HAS_FRAMES, starts_group=True),
    Action(
        "playback.loop", "Loop / ping-pong / once", "Choose what happens at the end of the range.", next_loop_mode, ("L",), OPEN
    ),
    Action(
        "playback.faster",
        "Faster",
        "Raise the playback speed.",
        lambda app: set_speed(app, next_stop(SPEEDS, clock(app).speed, 1)),
        ("=", "Shift+="),
        OPEN,
        starts_group=True,
    ),
    Action(
        "playback.slower",
        "Slower",
        "Lower the playback speed.",
        lambda app: set_speed(app, next_stop(SPEEDS, clock(app).speed, -1)),
        ("-",),
        OPEN,
    ),
    Action(
        "playback.normal_speed",
        "Normal speed",
        "Play at the speed of the capture.",
        lambda app: set_speed(app, 1.0),
        ("0",),
        OPEN,
    ),
    Action(
        "playback.sub_frame",
        "Sub-frame time",
        "In slow motion, show times between frames.",
        toggle_sub_frame,
        ("T",),
        OPEN,
    ),
    Action(
        "playback.in",
        "Set in point",
        "Start the range at this frame.",
        lambda app: clock(app).set_in_point(),
        ("I",),
        OPEN,
        starts_group=True,
    ),
    Action(
        "playback.out", "Set out point", "End the range at this frame.", lambda app: clock(app).set_out_point(), ("O",), OPEN
    ),
    Action(
        "playback.clear_range",
        "Clear in and out",
        "Play the whole video.",
        lambda app: clock(app).clear_range(),
        ("Alt+X",),
        HAS_RANGE,
    ),
    Action(
        "playback.marker",
        "Toggle marker",
        "Mark this frame, or remove its marker.",
        lambda app: clock(app).toggle_marker(),
        ("M",),
        OPEN,
        starts_group=True,
    ),
    Action("playback.name_marker", "Name marker...", "Mark this frame and name its marker.", name_marker, ("Shift+M",), OPEN),
    Action(
        "playback.next_marker",
        "Next marker",
        "Go to the next marker.",
        lambda app: clock(app).seek_marker(1),
        ("Shift+.", "Down"),
        OPEN,
    ),
    Action(
        "playback.previous_marker",
        "Previous marker",
        "Go to the previous marked frame.",
        lambda app: clock(app).seek_marker(-1),
        ("Shift+,", "Up"),
        OPEN,
    ),
)
