"""Puts the samples of a video's sound on an output, beginning at the picture that is shown when they are heard."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.sound.decode import RATE, Samples
from viewer.sound.output import AudioOutput
from viewer.sound.waveform import Peaks


@dataclass(frozen=True, eq=False)
class DecodedSound:
    """A sound in memory."""

    samples: Samples
    """(N, 2) int16, 48,000 per second."""
    offset: float
    """Time of the video at which it begins, seconds."""
    peaks: Peaks
    """Its loudness, `viewer.sound.waveform.block_peaks`."""


@dataclass(frozen=True)
class PlayedPath:
    """The times of the video that are played one after another, forward at its own speed. All are seconds."""

    start: float
    """Time of the video at the beginning."""
    low: float
    """Beginning of the played range."""
    high: float
    """End of the played range, where its last frame has been shown for its whole duration."""
    loops: bool
    """Whether the range starts over at its end; otherwise nothing is played after it."""

    def at(self, passed: float) -> float:
        """Return the time of the video after this many seconds of playing; infinite after the end."""
        position = self.start + passed
        if position < self.high:
            return position
        return self.low + (position - self.low) % (self.high - self.low) if self.loops else math.inf


@dataclass(frozen=True, eq=False)
class _Playing:
    sound: DecodedSound
    path: PlayedPath


class SoundPlayer:
    """Fills the output with the sound along a path.

    The picture does not wait for the device: `follow` says how far it is, and the first samples are those that belong to the
    picture at the moment at which they will be heard.

    Args:
        output: the device; `fill` is its callback.
        now: clock in seconds.
    """

    def __init__(self, output: AudioOutput, now: Callable[[], float] = time.monotonic) -> None:
        self.output = output
        """The device."""
        self.volume = 1.0
        """0 (silent) to 1."""
        self._now = now
        self._lock = threading.Lock()  # for all that follows: the device fills on its own thread
        self._playing: _Playing | None = None
        self._anchor = (0.0, 0.0)  # seconds that the picture has played along the path, and when
        self._begun: tuple[int, float] | None = None  # first sample of the sound on the device, and its seconds along the path
        self._written = 0

    def reset(self) -> None:
        """Prepare for a device that starts: it counts samples from 0."""
        with self._lock:
            self._begun, self._written = None, 0

    def play(self, sound: DecodedSound, path: PlayedPath, passed: float = 0.0) -> None:
        """Play along a path on which the picture is now at this many seconds."""
        with self._lock:
            self._playing, self._begun, self._anchor = _Playing(sound, path), None, (passed, self._now())

    def pause(self) -> None:
        """Be silent."""
        with self._lock:
            self._playing = self._begun = None

    def follow(self, passed: float) -> None:
        """Take note of the seconds along the path that the picture has reached now."""
        with self._lock:
            self._anchor = passed, self._now()

    @property
    def heard(self) -> float | None:
        """Seconds along the path of the sound that is heard now; None while none of it is."""
        with self._lock:
            if self._begun is None:
                return None
            first, passed = self._begun
            ahead = self.output.heard - first
            return passed + ahead / RATE if ahead >= 0 else None

    def fill(self, samples: Samples, delay: float) -> None:
        """Fill the next samples of the device.

        Args:
            samples: (N, 2), overwritten.
            delay: seconds until the first of them is heard.
        """
        samples[...] = 0
        with self._lock:
            playing, written = self._playing, self._written
            self._written += len(samples)
            if playing is None:
                return
            if self._begun is None:
                passed, since = self._anchor
                self._begun = written, passed + self._now() - since + delay
            first, passed = self._begun
        copy_along(samples, playing.sound, playing.path, passed + (written - first) / RATE)
        if self.volume < 1.0:
            samples[...] = np.rint(samples * max(self.volume, 0.0)).astype(np.int16)


def copy_along(samples: Samples, sound: DecodedSound, path: PlayedPath, passed: float) -> None:
    """Fill silent samples with the sound along a path.

    Args:
        samples: (N, 2) zeros, overwritten where there is sound.
        sound: the sound.
        path: the times of the video.
        passed: seconds along the path of the first sample.
    """
    done = 0
    while done < len(samples):
        position = path.at(passed + done / RATE)
        if math.isinf(position):
            return
        count = min(len(samples) - done, max(1, math.ceil((path.high - position) * RATE - 1e-6)))
        source = round((position - sound.offset) * RATE)
        lead = min(max(0, -source), count)
        piece = sound.samples[source + lead : max(source + count, 0)]
        samples[done + lead : done + lead + len(piece)] = piece
        done += count
