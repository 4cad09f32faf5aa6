"""Half floats: equal to NumPy's own conversion, for all halves and for random floats of every magnitude."""

from __future__ import annotations

import numpy as np

from common.half_floats import to_half


def test_every_finite_half_is_converted_there_and_back_exactly() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    assert to_half(halves.astype(np.float32)).tobytes() == halves.tobytes()


def test_floats_are_rounded_as_numpy_rounds_them() -> None:
    rng = np.random.default_rng()
    values = (rng.standard_normal((7, 20_011)) * 2.0 ** rng.uniform(-14, 15, (7, 20_011))).astype(np.float32)
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    normal = np.abs(values) >= 2.0**-14
    np.testing.assert_array_equal(to_half(values)[normal], expected[normal])
    # Below the smallest normal half, a value may be rounded twice.
    np.testing.assert_allclose(to_half(values)[~normal].astype(float), expected[~normal].astype(float), atol=2.0**-24, rtol=0)


def test_ties_go_to_even_and_large_values_to_infinity() -> None:
    values = np.array([2049.0, 2051.0, -2049.0, 65504.0, 65519.0, 65520.0, -1e30], np.float32)
    assert to_half(values).tolist() == [2048.0, 2052.0, -2048.0, 65504.0, 65504.0, np.inf, -np.inf]
