"""Scores of images, compared with values computed by hand."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from model.camera import Camera
from training import metrics
from training.captures.boxes import box_mask
from training.metrics import compare, find_perceptual

CAMERA = Camera(32, 24, np.array([[40.0, 0, 16], [0, 40, 12], [0, 0, 1]]), np.eye(3), np.zeros(3))
BOX = np.array([[-0.25, -0.125, 1.0], [0.125, 0.25, 1.001]])


def test_the_box_mask_has_the_pixels_whose_rays_intersect_the_box() -> None:
    mask = box_mask(CAMERA, BOX)
    # Columns 40 * [-0.25, 0.125] + 16 = [6, 21], rows 40 * [-0.125, 0.25] + 12 = [7, 22].
    expected = np.zeros((24, 32), bool)
    expected[7:22, 6:21] = True
    np.testing.assert_array_equal(mask, expected)


def test_psnr_inside_and_over_the_whole_image() -> None:
    inside = np.zeros((24, 32), bool)
    inside[4:12, 8:16] = True
    truth = np.random.default_rng().random((24, 32, 3), dtype=np.float32) * 0.5
    rendered = truth + 0.1 * inside[..., None]
    scores = compare(rendered, truth, inside, None)
    assert scores.psnr == pytest.approx(20, abs=1e-3)
    assert scores.psnr_full == pytest.approx(20 - 10 * np.log10(64 / 768), abs=1e-3)
    assert scores.lpips is None


def test_pixels_outside_the_box_do_not_affect_its_scores() -> None:
    inside = np.zeros((24, 32), bool)
    inside[4:12, 8:16] = True
    inside[4, 8] = False
    truth = np.random.default_rng().random((24, 32, 3), dtype=np.float32)
    rendered = np.where(inside[..., None], truth, 0.3).astype(np.float32)
    scores = compare(rendered, truth, inside, lambda a, b: float(np.abs(a - b).max()))
    assert scores.psnr == 100 and scores.ssim == pytest.approx(1) and scores.lpips == 0
    assert scores.psnr_full < 30


def test_ssim_falls_with_noise() -> None:
    rng = np.random.default_rng()
    truth = rng.random((24, 32, 3), dtype=np.float32)
    everywhere = np.ones((24, 32), bool)
    noisy = [compare(truth + rng.normal(0, s, truth.shape), truth, everywhere, None).ssim for s in (0.01, 0.3)]
    assert 1 > noisy[0] > 0.9 > noisy[1]


def test_a_tiny_box_still_has_scores() -> None:
    inside = np.zeros((24, 32), bool)
    inside[4, 8] = True
    image = np.zeros((24, 32, 3), np.float32)
    assert compare(image, image, inside, None).ssim == 1


def test_lpips_is_used_only_with_its_weights(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert find_perceptual() is None
    (metrics.Path(str(tmp_path)) / "checkpoints").mkdir()
    (metrics.Path(str(tmp_path)) / "checkpoints" / "vgg16-397923af.pth").write_bytes(b"")
    fake = types.ModuleType("lpips")
    fake.LPIPS = lambda net, verbose: lambda a, b: (a - b).abs().mean()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", fake)
    monkeypatch.setattr(metrics.importlib.util, "find_spec", lambda name: fake)
    distance = find_perceptual()
    assert distance is not None
    assert distance(np.zeros((4, 4, 3), np.float32), np.full((4, 4, 3), 0.25, np.float32)) == pytest.approx(0.5)
