"""Show the progress of a training run: a bar on a terminal, a line every 15 seconds elsewhere."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

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

    def rate(self, name: str) -> float:
        """Return a measurement per second; the steps' durations are the measurement `seconds`."""
        return self.values[name] / max(self.values["seconds"], 1e-9)


class _Console(Console):
    """rich's console. If its reader is gone, the caller learns it; rich alone would end the program."""

    def on_broken_pipe(self) -> NoReturn:
        self.quiet = True
        raise BrokenPipeError


class Progress:
    """Shows the progress of a training run: the running loss and PSNR of its rays, rays per second, and the time left.

    Args:
        first: the step it starts at.
        share: progress of the run at that step, 0 to 1.
        stream: where to; None means stderr.
        seconds: time between updates; None means 1 on a terminal, 15 elsewhere.
    """

    def __init__(self, first: int = 0, share: float = 0.0, stream: TextIO | None = None, seconds: float | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._first, self._first_share = first, share
        self._bar = _make_bar(self._stream) if self._stream.isatty() else None
        self._seconds = seconds if seconds is not None else (15.0 if self._bar is None else 1.0)
        self._start = self._last = time.monotonic()
        self._warned = False
        self.means = RunningMeans()
        self.held_out: float | None = None
        """PSNR of the held-out view when it was rendered last, dB; None before that."""

    def update(self, step: int, share: float, *, last: bool = False, **measurements: float) -> None:
        """Add a step's measurements; show them when it is time.

        Args:
            step: steps done.
            share: progress of the run, 0 to 1.
            last: show them in any case.
            measurements: `seconds`, `rays`, `loss`, `squared_error`, and per ray `samples`, `marched` and `colored`.
        """
        self.means.add(**measurements)
        now = time.monotonic()
        if last or now - self._last >= self._seconds:
            self._last = now
            self._show(step, share, now)
            self._warn(step)

    def close(self) -> None:
        """End the bar, so that what is printed next starts on a new line."""
        if self._bar is not None:
            self._bar.stop()

    def line(self, step: int, share: float, now: float) -> str:
        """Return the text for a log: everything that is known."""
        rate, mean = (step - self._first) / max(now - self._start, 1e-9), self.means.mean
        return (
            f"step {step} ({share:.0%})  {self._scores()}  samples/ray {mean('samples'):.1f}, {mean('marched'):.1f} marched, "
            f"{mean('colored'):.1f} colored  {rate:.2f} steps/s  {self._time_left(share, now)} left"
        )

    def _scores(self) -> str:
        held_out = "" if self.held_out is None else f"  held-out view {self.held_out:.2f} dB"
        loss, rays = self.means.mean("loss"), short_rate(self.means.rate("rays"))
        return f"PSNR {psnr(self.means.mean('squared_error')):.2f} dB  loss {loss:.4f}  {rays} rays/s{held_out}"

    def _time_left(self, share: float, now: float) -> str:
        spent, gained = now - self._start, share - self._first_share
        left = spent * (1 - share) / gained if gained > 0 else 0.0
        return str(timedelta(seconds=round(left))).removeprefix("0:")

    def _warn(self, step: int) -> None:
        if self._warned or step - self._first <= 300 or self.means.mean("colored") >= COLLAPSED:
            return
        self._warned = True
        if self._bar is not None:
            self._bar.console.print(_WARNING, highlight=False, soft_wrap=True)
        else:
            print(_WARNING, file=self._stream, flush=True)

    def _show(self, step: int, share: float, now: float) -> None:
        if self._bar is None:
            print(self.line(step, share, now), file=self._stream, flush=True)
            return
        left, (task,) = self._time_left(share, now), self._bar.task_ids
        self._bar.update(task, completed=share, left=left, state=f"step {step}  {self._scores()}", refresh=True)


def _make_bar(stream: TextIO) -> RichProgress | None:
    """Start a bar on a terminal; return None if it cannot redraw a line."""
    console = _Console(file=stream, force_terminal=True)
    if console.is_dumb_terminal:
        return None
    columns = (
        TextColumn("{task.percentage:3.0f}%", table_column=Column(min_width=4)),
        BarColumn(bar_width=10, table_column=Column(min_width=10)),
        TextColumn("{task.fields[left]} left  {task.fields[state]}", table_column=Column(no_wrap=True)),
    )
    bar = RichProgress(*columns, console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    bar.add_task("training", total=1.0, left="-:--", state="")
    bar.start()
    console.show_cursor(True)  # a program that is killed must not leave a terminal without a cursor
    return bar


def short_rate(rate: float) -> str:
    """Return a rate with about three digits: "830", "12.3k", "1.23M"."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if rate >= unit:
            return f"{rate / unit:.{max(0, 2 - len(str(int(rate / unit))) + 1)}f}{name}"
    return f"{rate:.0f}"
