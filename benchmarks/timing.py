"""Timing on a machine that others use too: everything to be compared runs in turn, medians count."""

from __future__ import annotations

import statistics
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Repeated measurements of one thing, in the order in which they were taken."""

    milliseconds: tuple[float, ...]
    """Wall-clock time of each repeat."""
    cpu_milliseconds: tuple[float, ...] = ()
    """Processor time of each repeat, all threads together; what others do on the machine hardly changes it."""

    @property
    def median(self) -> float:
        """Median, milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def cpu_median(self) -> float:
        """Median processor time, milliseconds; 0 where it was not taken."""
        return statistics.median(self.cpu_milliseconds) if self.cpu_milliseconds else 0.0

    @property
    def spread(self) -> float:
        """Half the range between the quartiles over the median; 0 for fewer than 4 repeats."""
        if len(self.milliseconds) < 4:
            return 0.0
        first, _, third = statistics.quantiles(self.milliseconds, n=4)
        return (third - first) / 2 / self.median


def time_interleaved(
    tasks: Mapping[str, Callable[[], object]], repeats: int, once_every: Mapping[str, int] | None = None
) -> dict[str, Timing]:
    """Run tasks in turn, `repeats` times around, after one unmeasured run of each.

    Args:
        tasks: by name.
        repeats: rounds.
        once_every: rounds from one run of a slow task to the next; 1 where it is not named.

    Returns:
        The timing of each.
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
    """How many times as long `slow` takes, by the medians."""
    return slow.median / fast.median


def median_cpu_ratio(slow: Timing, fast: Timing) -> float:
    """How many times as much processor time `slow` takes, by the medians."""
    return slow.cpu_median / fast.cpu_median
