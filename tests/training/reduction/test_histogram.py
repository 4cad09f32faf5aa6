"""The entropy of rounded values, from a histogram of values that come in parts."""

from __future__ import annotations

import numpy as np
import pytest

from training.reduction.histogram import LIMIT, Histogram


def exact_bytes(values: np.ndarray, step: float) -> float:
    """Return the entropy of rounded values, computed from the values themselves."""
    _, counts = np.unique(np.rint(values / step), return_counts=True)
    return float(-(counts * np.log2(counts / counts.sum())).sum()) / 8


def test_by_hand() -> None:
    histogram = Histogram()
    histogram.add(np.zeros(8, np.float32))  # what comes first has no largest magnitude
    histogram.add(np.array([1, 1, 1, 1, -1, -1, -1, -1], np.float32), np.array([1, -1, -1], np.float32))
    assert (histogram.count, histogram.largest) == (11, 1.0)
    assert histogram.deviation == pytest.approx((3 / 11) ** 0.5)
    # Halves are 0, quarters 1 and -1: 16 values with 1.5 bits. With a step of 4 all are 0.
    assert histogram.entropy_bytes(0.5) == pytest.approx(16 * 1.5 / 8)
    assert histogram.entropy_bytes(4.0) == 0.0
    empty = Histogram()
    empty.add(np.zeros((3, 2), np.float32))
    assert empty.entropy_bytes(0.1) == 0.0 and empty.deviation > 0


def test_it_is_close_to_the_entropy_of_the_values() -> None:
    rng = np.random.default_rng()
    parts = [rng.laplace(0, scale, 20_000).astype(np.float32) for scale in (0.1, 0.3, 0.05)]
    histogram = Histogram()
    for part in parts:
        histogram.add(part)
    values = np.concatenate(parts)
    assert histogram.largest == pytest.approx(float(np.abs(values).max()))
    assert histogram.deviation == pytest.approx(float(np.sqrt(np.mean(np.square(values)))), rel=1e-4)
    for step in (0.02, 0.1, 0.5):
        assert histogram.entropy_bytes(step) == pytest.approx(exact_bytes(values, step), rel=0.01)


def test_magnitudes_beyond_the_first_ones_are_limited() -> None:
    histogram = Histogram()
    histogram.add(np.array([1.0], np.float32))
    histogram.add(np.array([1e6, -1e6, 0.0], np.float32))
    assert histogram.largest == 1e6
    assert histogram.entropy_bytes(1 / LIMIT) == pytest.approx(4 * 2 / 8), "four different values"
