"""Lets the playback clock follow the sound: what is heard leads, as long as the video plays forward at its own speed."""

from __future__ import annotations

import math

from viewer.playback.clock import LoopMode, Playback
from viewer.sound.player import DecodedSound, PlayedPath, SoundPlayer

SLEW = 0.1
"""The picture runs at most this share faster or slower than real time to meet the sound. That is not seen."""

LOST = 0.1
"""Seconds. If picture and sound are further apart, the device has stopped for a while: the sound begins again."""


def is_audible(clock: Playback) -> bool:
    """Return whether the clock runs so that sound fits: forward, at its own speed, over more than one frame."""
    return clock.playing and clock.speed == 1.0 and not clock.reverse and clock.range_frames > 1


def path_of(clock: Playback) -> PlayedPath:
    """Return what a clock plays from its position on."""
    low, high = clock.in_point / clock.fps, (clock.out_point + 1) / clock.fps
    start = clock.position / clock.fps if clock.in_point <= clock.frame <= clock.out_point else low
    return PlayedPath(start, low, high, clock.mode is LoopMode.LOOP)


class SoundClock:
    """Advances playback clocks, and keeps the sound of a player with them.

    Args:
        player: plays the sound.
    """

    def __init__(self, player: SoundPlayer) -> None:
        self._player = player
        self._sound: DecodedSound | None = None
        self._state: tuple[object, ...] = ()  # of the clock after its last step
        self._passed = 0.0  # seconds along the path

    def advance(self, clock: Playback, seconds: float, sound: DecodedSound | None) -> None:
        """Advance a clock.

        Args:
            clock: of the video on screen.
            seconds: real time since the last call.
            sound: what is to be heard; None for silence.
        """
        if sound is None or not is_audible(clock) or not (math.isfinite(seconds) and seconds >= 0):
            self.silence()
            clock.advance(seconds)
            return
        if sound is not self._sound or _state_of(clock) != self._state:  # the user went elsewhere
            self._begin(clock, sound, seconds)
        step = self._step(seconds)
        if step is None:
            self._begin(clock, sound, seconds)
            step = seconds
        clock.advance(step)
        self._passed += step
        self._player.follow(self._passed)
        self._state = _state_of(clock)
        if not is_audible(clock):  # it has come to its end
            self.silence()

    def silence(self) -> None:
        """Play nothing."""
        if self._sound is not None:
            self._player.pause()
        self._sound, self._state = None, ()

    def _begin(self, clock: Playback, sound: DecodedSound, seconds: float) -> None:
        self._player.play(sound, path_of(clock), seconds)
        self._sound, self._passed = sound, 0.0

    def _step(self, seconds: float) -> float | None:
        """Return by how many seconds the picture moves, so that it meets the sound; None if the sound is lost."""
        heard = self._player.heard
        if heard is None:
            return seconds
        error = heard - (self._passed + seconds)
        if abs(error) > LOST:
            return None
        return seconds + min(max(error, -SLEW * seconds), SLEW * seconds)


def _state_of(clock: Playback) -> tuple[object, ...]:
    return id(clock), clock.position, clock.in_point, clock.out_point, clock.mode, clock.fps
