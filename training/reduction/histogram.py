"""How often values occur, finely enough to know what they take after rounding to any step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BINS = 16 * 127
"""Bins from zero to the largest magnitude of the values that come first. No step is finer than 16 bins."""

LIMIT = 4 * BINS
"""Bins from zero on; larger magnitudes count as the last one."""


class Histogram:
    """Counts values that come in several arrays."""

    def __init__(self) -> None:
        self.count = 0
        """Number of values that are read."""
        self.largest = 0.0
        """Their largest magnitude."""
        self._squares = 0.0
        self._zeros = 0
        self._bin = 0.0
        self._counts = np.zeros(2 * LIMIT + 1, np.int64)

    @property
    def deviation(self) -> float:
        """Root of the mean square of the values that are read."""
        return max(math.sqrt(self._squares / max(1, self.count)), 1e-12)

    def add(self, values: NDArray[np.float32], read: NDArray[np.float32] | None = None) -> None:
        """Count values.

        Args:
            values: all that are stored.
            read: those of them that matter; None means all.
        """
        read = values if read is None else read
        self.count += read.size
        self._squares += float(np.square(read, dtype=np.float64).sum())
        largest = float(np.abs(values).max(initial=0.0))
        self.largest = max(self.largest, largest)
        self._bin = self._bin or largest / BINS
        if not self._bin:
            self._zeros += values.size
            return
        places = np.clip(np.rint(values / np.float32(self._bin)), -LIMIT, LIMIT).astype(np.int64).ravel() + LIMIT
        self._counts += np.bincount(places, minlength=2 * LIMIT + 1)

    def entropy_bytes(self, step: float) -> float:
        """Return the entropy of all values after rounding to multiples of a step, bytes."""
        whole = np.rint(np.arange(-LIMIT, LIMIT + 1) * (self._bin / step)).astype(np.int64)
        counts = np.bincount(whole - whole[0], self._counts)
        counts[-whole[0]] += self._zeros
        counts = counts[counts > 0]
        return float(-(counts * np.log2(counts / counts.sum())).sum()) / 8
