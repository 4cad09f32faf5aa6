"""Scores of images, compared with values computed by hand."""

from __future__ import annotations

import dataclasses
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.camera import Camera
from training import perceptual
from training.captures.boxes import box_mask
from training.metrics import compare, flicker, mask_outline
from training.perceptual import PerceptualScores, find_perceptual

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
    assert scores.lpips == {}


def test_pixels_outside_the_box_do_not_affect_its_scores() -> None:
    inside = np.zeros((24, 32), bool)
    inside[4:12, 8:16] = True
    inside[4, 8] = False
    truth = np.random.default_rng().random((24, 32, 3), dtype=np.float32)
    rendered = np.where(inside[..., None], truth, 0.3).astype(np.float32)
    scores = compare(rendered, truth, inside, PerceptualScores({"vgg": lambda a, b: float(np.abs(a - b).max())}))
    assert scores.psnr == 100 and scores.ssim == pytest.approx(1) and scores.lpips == {}
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


def test_both_ranges_of_ssim() -> None:
    """A constant error of d on a constant image: SSIM = (2 a b + C1) / (a^2 + b^2 + C1), C1 = (0.01 range)^2."""
    everywhere = np.ones((16, 16), bool)
    truth = np.full((16, 16, 3), 0.1, np.float32)
    scores = compare(truth + 0.1, truth, everywhere)
    for value, data_range in ((scores.ssim, 1), (scores.ssim_published, 2), (scores.ssim_full, 1)):
        stabilizer = (0.01 * data_range) ** 2
        expected = (2 * 0.1 * 0.2 + stabilizer) / (0.1**2 + 0.2**2 + stabilizer)
        assert value == pytest.approx(expected, abs=1e-4)


def test_pixels_along_the_edges_do_not_count() -> None:
    everywhere = np.ones((24, 32), bool)
    truth = np.random.default_rng().random((24, 32, 3), dtype=np.float32)
    rendered = truth.copy()
    rendered[:2] = rendered[:, -2:] = 0
    assert compare(rendered, truth, everywhere, edge=2).psnr_full == 100
    assert compare(rendered, truth, everywhere, edge=1).psnr_full < 40
    with pytest.raises(ValueError, match="no pixel"):
        compare(rendered, truth, everywhere, edge=12)


def test_the_outline_of_a_mask() -> None:
    mask = np.zeros((12, 14), np.uint8)
    mask[4:9, 5:11] = 255  # 5 x 6 pixels: grows to 9 x 10, shrinks to 1 x 2
    outline = mask_outline(mask, 5)
    expected = np.zeros((12, 14), bool)
    expected[2:11, 3:13] = True
    expected[6, 7:9] = False
    np.testing.assert_array_equal(outline, expected)
    assert not mask_outline(np.full((6, 7), 255, np.uint8), 5).any()


def test_an_outline_counts_for_everything_but_the_psnr_in_the_box() -> None:
    rng = np.random.default_rng()
    truth, outline = rng.random((24, 32, 3), dtype=np.float32), rng.random((24, 32)) < 0.3
    rendered = np.where(outline[..., None], 1 - truth, truth + 0.1).astype(np.float32)
    everywhere = np.ones((24, 32), bool)
    with_outline, without = (compare(rendered, truth, everywhere, outline=chosen) for chosen in (outline, None))
    assert with_outline.psnr == pytest.approx(20, abs=1e-4) and without.psnr < 19  # -20 log10(0.1)
    assert dataclasses.replace(with_outline, psnr=without.psnr) == without
    with pytest.raises(ValueError, match="no pixel"):
        compare(rendered, truth, everywhere, outline=everywhere)
    padded = np.pad(outline, 2)
    first, second = (np.pad(image, ((2, 2), (2, 2), (0, 0))) for image in (rendered, truth))
    assert compare(first, second, np.ones(padded.shape, bool), edge=2, outline=padded).psnr == pytest.approx(20, abs=1e-4)


def test_flicker_counts_changes_and_not_constant_errors() -> None:
    rng = np.random.default_rng()
    truth = tuple(rng.random((8, 8, 3), dtype=np.float32) for _ in range(2))
    inside = np.zeros((8, 8), bool)
    inside[:4] = True
    constant = (truth[0] + 0.25, truth[1] + 0.25)
    assert flicker(constant, (truth[0], truth[1]), inside) == pytest.approx(0, abs=1e-6)
    blinking = (truth[0] + 0.25, truth[1] - 0.25)  # the error jumps by 0.5
    assert flicker(blinking, (truth[0], truth[1]), inside) == pytest.approx(0.5, abs=1e-6)


class _FakeLPIPS(torch.nn.Module):
    """As the package `lpips`: slices that keep the numbers of torchvision's layers."""

    def __init__(self, net: str, pnet_rand: bool, verbose: bool) -> None:
        super().__init__()
        assert pnet_rand, "the package would download weights"
        self.net = torch.nn.ModuleDict({"slice1": torch.nn.ModuleDict({"3": torch.nn.Linear(1, 1, bias=False)})})

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the mean absolute difference, times the weight."""
        return self.net.get_parameter("slice1.3.weight") * (first - second).abs().mean()


@pytest.fixture
def fake_lpips(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("lpips")
    fake.LPIPS = _FakeLPIPS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", fake)
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: fake)


def test_lpips_is_used_only_with_its_weights(tmp_path: Path, fake_lpips: None) -> None:
    weights = tmp_path / "vgg16-397923af.pth"
    with pytest.raises(InputError, match="has neither"):
        find_perceptual(tmp_path)
    torch.save({"features.3.weight": torch.full((1, 1), 3.0), "classifier.0.weight": torch.zeros(2)}, weights)
    found = find_perceptual(tmp_path)
    black, gray = np.zeros((40, 40, 3), np.float32), np.full((40, 40, 3), 0.25, np.float32)
    assert found(black, gray) == {"vgg": pytest.approx(3 * 0.5)}  # colors are -1 to 1 for the network
    assert "alexnet" in found.reasons["alex"]
    assert found(black[:8], gray[:8]) == {}
    weights.write_bytes(b"no weights")
    with pytest.raises(InputError, match="is not torchvision's file"):
        find_perceptual(tmp_path)


def test_without_the_package_lpips_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: None)
    found = find_perceptual()
    assert not found.networks
    assert found.reasons["vgg"] == "the package lpips is not installed"
