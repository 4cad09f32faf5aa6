"""The line that says how a training goes."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

from training.fields.losses import psnr

_SMOOTHING = 0.98
COLLAPSED = 1.0
"""Colored samples a ray below which the density has collapsed."""


@dataclass
class RunningMeans:
    """Exponential means of a training's measurements."""

    values: dict[str, float] = field(default_factory=dict)
    """The mean of each measurement."""
    weight: float = 0.0
    """Weight gathered; the means are over it."""

    def add(self, **measurements: float) -> None:
        """Add one step's measurements."""
        self.weight = _SMOOTHING * self.weight + 1 - _SMOOTHING
        for name, value in measurements.items():
            self.values[name] = _SMOOTHING * self.values.get(name, 0.0) + (1 - _SMOOTHING) * value

    def mean(self, name: str) -> float:
        """The mean of a measurement."""
        return self.values[name] / self.weight


class Progress:
    """Prints one line, rewritten in place on a terminal, else one every `seconds`.

    Args:
        first: the step it starts at.
        share: how far the training is then, 0 to 1.
        stream: where to.
        seconds: time between lines.
    """

    def __init__(self, first: int = 0, share: float = 0.0, stream: TextIO | None = None, seconds: float | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._first, self._first_share = first, share
        self._terminal = self._stream.isatty()
        self._seconds = seconds if seconds is not None else (1.0 if self._terminal else 15.0)
        self._start = self._last = time.monotonic()
        self._warned = False
        self.means = RunningMeans()

    def update(self, step: int, share: float, *, last: bool = False, **measurements: float) -> None:
        """Add a step's measurements (`squared_error`, `samples`, `marched`, `colored`); print when it is time, or the last."""
        self.means.add(**measurements)
        now = time.monotonic()
        if last or now - self._last >= self._seconds:
            self._last = now
            self._print(self.line(step, share, now), last)
            self._warn(step)

    def line(self, step: int, share: float, now: float) -> str:
        """The text: step, running PSNR of the training rays, samples a ray, steps a second, time left."""
        spent, gained = now - self._start, share - self._first_share
        rate = (step - self._first) / max(spent, 1e-9)
        left = spent * (1 - share) / gained if gained > 0 else 0.0
        mean = self.means.mean
        return (
            f"step {step} ({share:.0%})  PSNR {psnr(mean('squared_error')):.2f} dB  samples/ray {mean('samples'):.1f}, "
            f"{mean('marched'):.1f} marched, {mean('colored'):.1f} colored  {rate:.2f} steps/s  {_duration(left)} left"
        )

    def _warn(self, step: int) -> None:
        if not self._warned and step - self._first > 300 and self.means.mean("colored") < COLLAPSED:
            self._warned = True
            self._print("warning: fewer than one colored sample a ray: the density has collapsed; lower the rates", True)

    def _print(self, text: str, end_line: bool) -> None:
        if self._terminal:
            print(f"\r{text:<110}", end="\n" if end_line else "", file=self._stream, flush=True)
        else:
            print(text, file=self._stream, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
