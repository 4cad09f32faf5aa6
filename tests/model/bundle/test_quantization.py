"""Eight-bit storage: hand-computed blocks and the bound on the error."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.bundle.quantization import BLOCK_SIZE, block_count, dequantize, quantize


def test_a_block_by_hand() -> None:
    tensor = torch.zeros(BLOCK_SIZE)
    tensor[0], tensor[1], tensor[2] = -254.0, 3.0, 2.9
    values, scales = quantize(tensor)
    assert scales.tolist() == [2.0]
    # 1.5 lies in the middle and goes to the even neighbor.
    assert values[:4].tolist() == [-127, 2, 1, 0]
    assert dequantize(values, scales)[:4].tolist() == [-254.0, 4.0, 2.0, 0.0]


def test_blocks_are_consecutive_row_major_entries() -> None:
    tensor = torch.zeros(3, 50)  # 150 entries: blocks end at 64, 128 and 150
    tensor[1, 13], tensor[1, 14], tensor[2, 49] = 127.0, 254.0, 1.27
    values, scales = quantize(tensor)
    assert scales.tolist() == pytest.approx([1.0, 2.0, 0.01])
    assert values.dtype == torch.int8 and values.shape == (3, 50)
    assert (values[1, 13], values[1, 14], values[2, 49]) == (127, 127, 127)


def test_zeros_and_denormals_stay_finite() -> None:
    for value in (0.0, 1e-45, 1e-38):
        values, scales = quantize(torch.full((5,), value))
        assert torch.isfinite(dequantize(values, scales)).all()
        assert (dequantize(values, scales) - value).abs().max() <= 1e-38


@given(st.integers(1, 300), st.floats(-30, 30), st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_no_entry_is_off_by_more_than_half_a_scale(entries: int, exponent: float, seed: int) -> None:
    tensor = torch.randn(entries, generator=torch.Generator().manual_seed(seed)) * 10**exponent
    values, scales = quantize(tensor)
    assert len(scales) == block_count(entries)
    error = (dequantize(values, scales) - tensor).abs()
    assert (error <= 0.50001 * scales.repeat_interleave(BLOCK_SIZE)[:entries]).all()


def test_relative_error_of_normal_entries_is_what_the_documentation_says() -> None:
    tensor = torch.randn(1 << 18, generator=torch.Generator().manual_seed(0))
    error = dequantize(*quantize(tensor)) - tensor
    assert float(error.std() / tensor.std()) == pytest.approx(0.006, abs=0.0005)


def test_quantizing_again_changes_nothing() -> None:
    tensor = torch.randn(200, generator=torch.Generator().manual_seed(0))
    once = quantize(tensor)
    twice = quantize(dequantize(*once))
    assert torch.equal(once[0], twice[0])
    assert torch.allclose(once[1], twice[1], rtol=1e-6)
