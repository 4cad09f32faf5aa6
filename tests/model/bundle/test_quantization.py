"""Eight-bit storage: hand-computed blocks and the bound on the error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.bundle.quantization import BLOCK_SIZE, block_count, dequantize, quantize


def test_a_block_by_hand() -> None:
    tensor = np.zeros(BLOCK_SIZE, np.float32)
    tensor[0], tensor[1], tensor[2] = -254.0, 3.0, 2.9
    values, scales = quantize(tensor)
    assert scales.tolist() == [2.0]
    # 1.5 lies in the middle and goes to the even neighbor.
    assert values[:4].tolist() == [-127, 2, 1, 0]
    assert dequantize(values, scales)[:4].tolist() == [-254.0, 4.0, 2.0, 0.0]


def test_blocks_are_consecutive_row_major_entries() -> None:
    tensor = np.zeros((3, 50), np.float32)  # 150 entries: blocks end at 64, 128 and 150
    tensor[1, 13], tensor[1, 14], tensor[2, 49] = 127.0, 254.0, 1.27
    values, scales = quantize(tensor)
    assert scales.tolist() == pytest.approx([1.0, 2.0, 0.01])
    assert values.dtype == np.int8 and values.shape == (3, 50)
    assert (values[1, 13], values[1, 14], values[2, 49]) == (127, 127, 127)


def test_zeros_and_denormals_stay_finite() -> None:
    for value in (0.0, 1e-45, 1e-38):
        values, scales = quantize(np.full(5, value, np.float32))
        assert np.isfinite(dequantize(values, scales)).all()
        assert np.abs(dequantize(values, scales) - value).max() <= 1e-38


@given(st.integers(1, 300), st.floats(-30, 30), st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_no_entry_is_off_by_more_than_half_a_scale(entries: int, exponent: float, seed: int) -> None:
    tensor = (np.random.default_rng(seed).standard_normal(entries) * 10**exponent).astype(np.float32)
    values, scales = quantize(tensor)
    assert len(scales) == block_count(entries)
    error = np.abs(dequantize(values, scales) - tensor)
    assert (error <= 0.50001 * scales.repeat(BLOCK_SIZE)[:entries]).all()


def test_relative_error_of_normal_entries_is_what_the_documentation_says() -> None:
    tensor = np.random.default_rng(0).standard_normal(1 << 18).astype(np.float32)
    error = dequantize(*quantize(tensor)) - tensor
    assert float(error.std() / tensor.std()) == pytest.approx(0.006, abs=0.0005)


def test_quantizing_again_changes_nothing() -> None:
    tensor = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    once = quantize(tensor)
    twice = quantize(dequantize(*once))
    assert np.array_equal(once[0], twice[0])
    assert np.allclose(once[1], twice[1], rtol=1e-6)
