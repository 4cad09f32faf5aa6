"""Timing on a shared machine: the tasks to compare run in turn, and medians are compared."""

from __future__ import annotations

import statistics
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Repeated measurements of one task, in the order in which they were taken."""

    milliseconds: tuple[float, ...]
    """Wall-clock time of each repeat."""
    cpu_milliseconds: tuple[float, ...] = ()
    """CPU time of each repeat, summed over threads; other programs on the machine hardly change it."""

    @property
    def median(self) -> float:
        """Median, milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def cpu_median(self) -> float:
        """Median CPU time, milliseconds; 0 when it was not measured."""
        return statistics.median(self.cpu_milliseconds) if self.cpu_milliseconds else 0.0

    @property
    def spread(self) -> float:
        """Half the interquartile range, relative to the median; 0 for fewer than 4 repeats."""
        if len(self.milliseconds) < 4:
            return 0.0
        first, _, third = statistics.quantiles(self.milliseconds, n=4)
        return (third - first) / 2 / self.median


def time_interleaved(
    tasks: Mapping[str, Callable[[], object]], repeats: int, once_every: Mapping[str, int] | None = None
) -> dict[str, Timing]:
    """Run tasks in turn for some rounds, after one unmeasured run of each.

    Args:
        tasks: what to run, by name.
        repeats: number of rounds.
        once_every: slow tasks run only once in this many rounds; others run in every round.

    Returns:
        The timing of each task.
    """
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for turn in range(repeats):
        for name, task in tasks.items():
            if turn % (once_every or {}).get(name, 1) == 0:
                start, cpu_start = clock.perf_counter(), clock.process_time()
                task()
                elapsed, cpu = clock.perf_counter() - start, clock.process_time() - cpu_start
                measured[name].append((elapsed * 1000, cpu * 1000))
    return {name: Timing(*(zip(*values, strict=True))) for name, values in measured.items()}


def median_ratio(slow: Timing, fast: Timing) -> float:
    """Return the ratio of the median times of two tasks."""
    return slow.median / fast.median


def median_cpu_ratio(slow: Timing, fast: Timing) -> float:
    """Return the ratio of the median CPU times of two tasks."""
    return slow.cpu_median / fast.cpu_median
