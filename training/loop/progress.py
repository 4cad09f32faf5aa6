"""Show the progress of a training run: a bar on a terminal, a line every 15 seconds elsewhere."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

from tqdm import tqdm

from common.scores import psnr

_SMOOTHING = 0.98
_WARNING = "warning: fewer than one colored sample per ray: the density has collapsed; lower the learning rates"
COLLAPSED = 1.0
"""Colored samples per ray below which the density has collapsed."""


@dataclass
class RunningMeans:
    """Exponential means of a run's measurements."""

    values: dict[str, float] = field(default_factory=dict)
    """The weighted sum of each measurement."""
    weight: float = 0.0
    """Sum of the weights."""

    def add(self, **measurements: float) -> None:
        """Add one step's measurements."""
        self.weight = _SMOOTHING * self.weight + 1 - _SMOOTHING
        for name, value in measurements.items():
            self.values[name] = _SMOOTHING * self.values.get(name, 0.0) + (1 - _SMOOTHING) * value

    def mean(self, name: str) -> float:
        """Return the mean of a measurement."""
        return self.values[name] / self.weight


class Progress:
    """Shows the progress of a training run, the running PSNR of its rays, samples per ray, speed and the time left.

    Args:
        first: the step it starts at.
        share: progress of the run at that step, 0 to 1.
        stream: where to; None means stderr.
        seconds: time between updates; None means 1 on a terminal, 15 elsewhere.
    """

    def __init__(self, first: int = 0, share: float = 0.0, stream: TextIO | None = None, seconds: float | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._first, self._first_share = first, share
        terminal = self._stream.isatty()
        layout = "{percentage:3.0f}%|{bar:10}| {remaining} left{postfix}"
        self._bar = tqdm(total=1.0, initial=share, file=self._stream, disable=not terminal, bar_format=layout)
        self._seconds = seconds if seconds is not None else (1.0 if terminal else 15.0)
        self._start = self._last = time.monotonic()
        self._warned = False
        self.means = RunningMeans()

    def update(self, step: int, share: float, *, last: bool = False, **measurements: float) -> None:
        """Add a step's measurements (`squared_error`, `samples`, `marched`, `colored`); show them when it is time."""
        self.means.add(**measurements)
        now = time.monotonic()
        if last or now - self._last >= self._seconds:
            self._last = now
            self._show(step, share, now)
            self._warn(step)

    def close(self) -> None:
        """End the bar, so that what is printed next starts on a new line."""
        self._bar.close()

    def line(self, step: int, share: float, now: float) -> str:
        """Return the text: step, running PSNR of the training rays, samples per ray, steps per second, time left."""
        spent, gained = now - self._start, share - self._first_share
        left = spent * (1 - share) / gained if gained > 0 else 0.0
        return f"{self._state(step, share, now)}  {tqdm.format_interval(left)} left"

    def _state(self, step: int, share: float, now: float) -> str:
        rate, mean = (step - self._first) / max(now - self._start, 1e-9), self.means.mean
        return (
            f"step {step} ({share:.0%})  PSNR {psnr(mean('squared_error')):.2f} dB  samples/ray {mean('samples'):.1f}, "
            f"{mean('marched'):.1f} marched, {mean('colored'):.1f} colored  {rate:.2f} steps/s"
        )

    def _warn(self, step: int) -> None:
        if not self._warned and step - self._first > 300 and self.means.mean("colored") < COLLAPSED:
            self._warned = True
            self._bar.write(_WARNING, file=self._stream)

    def _show(self, step: int, share: float, now: float) -> None:
        if self._bar.disable:
            print(self.line(step, share, now), file=self._stream, flush=True)
        else:
            self._bar.n = share
            self._bar.set_postfix_str(self._state(step, share, now))
