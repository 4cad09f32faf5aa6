"""The pixels of the screen that the native kernels make from an image, by hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest

native = pytest.importorskip("mlpvid_kernels")


@pytest.mark.parametrize("instruction_set", native.instruction_sets())
def test_pixels_by_hand(instruction_set: str) -> None:
    rgba = np.zeros((2, 3, 4), np.float32)
    rgba[0, 0] = 0.25, 0.5, 0.75, 1.0
    rgba[0, 1] = 0.5, 0.0, 0.0, 0.5
    rgba[0, 2] = 1.0, 1.0, 2.0, 0.0  # brighter than the screen can show
    rgba[1, 0] = -1.0, 0.0, np.nan, 1.0  # damaged weights may give any number
    depth = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    pixels, surface = np.zeros((2, 3), np.uint32), np.zeros((2, 3), np.float32)
    native.Engine(1, instruction_set).screen_pixels(rgba, depth, (1.0, 0.5, 0.0), 0.5, pixels, surface)
    assert pixels[1].tolist() == [0xFF4080BF, 0xFFFF4000, 0xFFFFFFFF]  # row 0 is at the bottom
    assert pixels[0].tolist() == [0xFF000000, 0xFFFF8000, 0xFFFF8000]
    assert surface.tolist() == [[1, 2, np.inf], [4, np.inf, np.inf]]


def test_wide_rows_and_all_threads() -> None:
    random = np.random.default_rng()
    rgba, depth = random.random((71, 133, 4), dtype=np.float32), random.random((71, 133), dtype=np.float32)
    pixels, surface = np.zeros((71, 133), np.uint32), np.zeros((71, 133), np.float32)
    native.Engine(3).screen_pixels(rgba, depth, (0.3, 0.6, 0.1), 0.5, pixels, surface)
    behind = (1 - rgba[..., 3:]) * np.array([0.3, 0.6, 0.1], np.float32)
    expected = np.floor(np.minimum(rgba[..., :3] + behind, 1) * 255 + np.float32(0.5)).astype(np.uint32)
    found = np.stack([pixels >> shift & 255 for shift in (16, 8, 0)], axis=-1)[::-1]
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    assert (surface == np.where(rgba[..., 3] >= 0.5, depth, np.inf)).all()


def test_wrong_shapes_are_refused() -> None:
    rgba, pixels = np.zeros((2, 3, 4), np.float32), np.zeros((3, 2), np.uint32)
    with pytest.raises(ValueError, match="pixels has the wrong shape"):
        native.Engine(1).screen_pixels(rgba, rgba[..., 0].copy(), (0, 0, 0), 0.5, pixels, rgba[..., 0].copy())
