"""Masks with soft edges: coverage by hand, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import load_config
from training.loop.dataset import Dataset

RAMP = np.tile(np.round(np.linspace(0, 255, 48)).astype(np.uint8), (48, 1))


def with_soft_mask(folder: Path, meta: str) -> Path:
    """Write a capture whose first mask is a ramp from left to right, over a gray image."""
    ball_capture(folder, frames=1, meta=f"pixel_center: 0.5\ntest_cameras: [1]\nmask_threshold: 127\n{meta}")
    Image.fromarray(RAMP).save(folder / "mask/00/000000.png")
    Image.fromarray(np.full((48, 48, 3), 100, np.uint8)).save(folder / "images/00/000000.png")
    return folder


def test_soft_masks_are_opacities(tmp_path: Path) -> None:
    capture = open_capture(with_soft_mask(tmp_path, "mask_soft: true\n"))
    view = capture.view(0, 0)
    np.testing.assert_array_equal(view.mask, RAMP)
    np.testing.assert_allclose(view.color[..., 1], RAMP / 255 * 100, atol=0.51)
    np.testing.assert_array_equal(capture.mask(0, 0), np.where(RAMP > 127, 255, 0))  # for hulls and the check
    boxes = np.array([[[-0.4, -0.7, 0.5], [0.6, 0.3, 1.5]]], np.float32)
    views = Dataset(capture, load_config("tiny"), range(1), boxes).frame(0, half=False)
    np.testing.assert_array_equal(views.pixels[0, :, :, 3].numpy(), RAMP)


def test_inverted_soft_masks(tmp_path: Path) -> None:
    capture = open_capture(with_soft_mask(tmp_path, "mask_soft: true\nmask_inverted: true\n"))
    np.testing.assert_array_equal(capture.view(0, 0).mask, 255 - RAMP)


def test_without_the_key_masks_are_thresholded(tmp_path: Path) -> None:
    view = open_capture(with_soft_mask(tmp_path, "")).view(0, 0)
    np.testing.assert_array_equal(view.mask, np.where(RAMP > 127, 255, 0))
    np.testing.assert_array_equal(view.color[..., 0], np.where(RAMP > 127, 100, 0))


def test_colors_that_are_already_on_black_stay(tmp_path: Path) -> None:
    view = open_capture(with_soft_mask(tmp_path, "mask_soft: true\nbackground: black\n")).view(0, 0)
    assert (view.color == 100).all()


def test_labels_are_not_opacities(tmp_path: Path) -> None:
    folder = with_soft_mask(tmp_path, "mask_soft: true\n")
    labels = Image.fromarray((RAMP > 127).astype(np.uint8))
    labels.putpalette([0, 0, 0, 255, 255, 255])
    labels.save(folder / "mask/00/000000.png")
    with pytest.raises(InputError, match="palette of labels"):
        open_capture(folder).view(0, 0)
