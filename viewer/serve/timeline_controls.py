"""The controls of a visitor's time: frame, play, step, speed, range and what happens at its end."""

from __future__ import annotations

import math
from typing import Any

from viewer.playback.clock import MAX_SPEED, MIN_SPEED, LoopMode, Playback
from viewer.serve.events import Post, assign, on_change, on_click

SCRUB_SECONDS = 0.4
"""Playback resumes when the slider has not moved for so long."""

REFRESH_SECONDS = 0.1
"""Shortest time between two positions of the slider during playback."""

LOOP_MODES = {"Start over": LoopMode.LOOP, "Turn around": LoopMode.PING_PONG, "Stop": LoopMode.ONCE}
"""Labels of what happens at the end of the range."""

STEPS = {"Previous": -1, "Next": 1}
"""Labels of the buttons that step by a frame."""


class TimelineControls:
    """Controls of a video with more than one frame.

    Args:
        gui: viser's controls of one visitor.
        playback: the visitor's time.
        post: gives actions to the server's thread.
    """

    def __init__(self, gui: Any, playback: Playback, post: Post) -> None:
        self._playback = playback
        self._scrubbed = self._refreshed = self._now = -math.inf
        last = playback.num_frames - 1
        with gui.add_folder("Timeline"):
            self.frame = gui.add_slider("Frame", 0, last, 1, playback.frame, hint="Frame of the video")
            self.play = gui.add_button("Play", icon="player-play", hint="Play or pause the video")
            self.step = gui.add_button_group("Step", list(STEPS), hint="Pause, and show the frame before or after")
            self.speed = gui.add_slider(
                "Speed", MIN_SPEED, MAX_SPEED, 0.1, playback.speed, hint="Multiple of the capture's rate"
            )
            self.reverse = gui.add_checkbox("Reverse", playback.reverse, hint="Play backwards")
            self.mode = gui.add_dropdown(
                "At the end", list(LOOP_MODES), initial_value=_label(playback.mode), hint="What happens at the end of the range"
            )
            self.range = gui.add_multi_slider(
                "Range", 0, last, 1, (playback.in_point, playback.out_point), hint="First and last frame that are played"
            )
            self.damage = gui.add_markdown("", visible=False)
        on_change(self.frame, post, self._scrub)
        on_click(self.play, post, lambda _: playback.toggle())
        on_click(self.step, post, lambda label: playback.step(STEPS.get(label, 0)))
        on_change(self.speed, post, lambda value: setattr(playback, "speed", value))
        on_change(self.reverse, post, lambda value: setattr(playback, "reverse", value))
        on_change(self.mode, post, lambda label: setattr(playback, "mode", LOOP_MODES[label]))
        on_change(self.range, post, self._set_range)

    def refresh(self, now: float) -> None:
        """Let the controls follow the time; `now` is in seconds."""
        self._now, playback = now, self._playback
        if playback.scrubbing and now - self._scrubbed >= SCRUB_SECONDS:
            playback.end_scrub()
        if not playback.scrubbing and (not playback.playing or now - self._refreshed >= REFRESH_SECONDS):
            self._refreshed = now
            assign(self.frame, "value", playback.frame)
        assign(self.play, "label", "Pause" if playback.playing else "Play")
        assign(self.play, "icon", "player-pause" if playback.playing else "player-play")
        assign(self.reverse, "value", playback.reverse and playback.mode is not LoopMode.PING_PONG)

    def show_damage(self, text: str) -> None:
        """Show which frames are damaged."""
        assign(self.damage, "content", text)
        assign(self.damage, "visible", bool(text))

    def seconds_to_next(self) -> float:
        """Return the seconds until `refresh` has something to do while the video stands still."""
        return SCRUB_SECONDS if self._playback.scrubbing else math.inf

    def _scrub(self, frame: int) -> None:
        self._playback.begin_scrub()
        self._playback.seek(frame)
        self._scrubbed = self._now

    def _set_range(self, ends: tuple[int, int]) -> None:
        first, last = sorted(ends)
        self._playback.set_in_point(first)
        self._playback.set_out_point(last)


def _label(mode: LoopMode) -> str:
    return next(label for label, value in LOOP_MODES.items() if value is mode)
