"""A sound device with a clock of its own, in fake time."""

from __future__ import annotations

import numpy as np

from common.errors import InputError
from model.sound.decode import RATE, Samples
from viewer.sound.output import Fill
from viewer.sound.player import DecodedSound

BLOCK = 1024

NO_PEAKS = np.zeros(0, np.float32)
"""For sounds that are not drawn."""


class FakeTime:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        """Seconds."""

    def __call__(self) -> float:
        return self.now


class FakeDevice:
    """Implements `viewer.sound.output.AudioOutput` in fake time. It plays what `run` has asked for.

    Args:
        time: the clock.
        rate: samples that it really plays per second.
        latency: seconds of sound that it asks for ahead.
        late: seconds from `start` until it asks for the first samples.
        missing: whether there is no device.
    """

    def __init__(
        self, time: FakeTime, rate: float = RATE, latency: float = 0.12, late: float = 0.0, missing: bool = False
    ) -> None:
        self._time, self._rate, self._latency, self._late, self._missing = time, rate, latency, late, missing
        self._fill: Fill | None = None
        self._began = 0.0
        self.blocks: list[Samples] = []
        """All that it was given since it started."""
        self.starts = 0
        """How often it was started."""
        self.stalled = False
        """Whether it plays nothing now, like one whose cable was pulled out."""

    def start(self, fill: Fill) -> None:
        """Begin to ask for samples."""
        if self._missing:
            raise InputError("the sound", "cannot be played: no device")
        self._fill, self._began, self.blocks = fill, self._time.now + self._late, []
        self.starts += 1

    def stop(self) -> None:
        """Ask for nothing more."""
        self._fill = None

    @property
    def playing(self) -> bool:
        """Whether it is started."""
        return self._fill is not None

    @property
    def heard(self) -> float:
        """Samples that it has played, by its own clock."""
        return (self._time.now - self._began - self._latency) * self._rate

    def run(self) -> None:
        """Ask for all samples that are needed until now."""
        if self.stalled:
            self._began += max(0.0, self._time.now - self._began - len(self.blocks) * BLOCK / self._rate)
            return
        while self._fill is not None and (self._time.now - self._began) * self._rate >= len(self.blocks) * BLOCK:
            due = self._began + len(self.blocks) * BLOCK / self._rate  # the callback came at this time
            now, self._time.now = self._time.now, due
            samples = np.empty((BLOCK, 2), np.int16)
            self._fill(samples, self._latency)
            self._time.now = now
            self.blocks.append(samples)

    def sample(self) -> tuple[int, int]:
        """Return left and right of the sample that is heard now; silence before the first one."""
        index = int(self.heard)
        if index < 0 or index // BLOCK >= len(self.blocks):
            return 0, 0
        left, right = self.blocks[index // BLOCK][index % BLOCK].tolist()
        return left, right


def numbered_sound(seconds: float, offset: float = 0.0) -> DecodedSound:
    """Return a sound whose samples say which they are: `sample_time` reads it back."""
    number = np.arange(1, round(seconds * RATE) + 1)
    return DecodedSound(np.stack([number % 32768, number // 32768], axis=1).astype(np.int16), offset, NO_PEAKS)


def sample_time(sample: tuple[int, int]) -> float | None:
    """Return the time of a numbered sample from the beginning of its sound, seconds; None for silence."""
    number = sample[0] + 32768 * sample[1]
    return (number - 1) / RATE if number else None
