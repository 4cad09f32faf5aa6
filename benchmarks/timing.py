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

    @property
    def median(self) -> float:
        """Median, milliseconds."""
        return statistics.median(self.milliseconds)

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
    measured: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for turn in range(repeats):
        for name, task in tasks.items():
            if turn % (once_every or {}).get(name, 1) == 0:
                start = clock.perf_counter()
                task()
                measured[name].append((clock.perf_counter() - start) * 1000)
    return {name: Timing(tuple(values)) for name, values in measured.items()}


def median_ratio(slow: Timing, fast: Timing) -> float:
    """How many times as long `slow` takes, by the medians."""
    return slow.median / fast.median
