"""Scores that compare a rendered image with the captured one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from common.scores import psnr

Image = NDArray[Any]
"""(H, W, 3) in [0, 1]."""

Perceptual = Callable[[Image, Image], float]
"""Returns the perceptual distance of two images."""

_SSIM_WINDOW = 7
_LPIPS_WEIGHTS = "vgg16-397923af.pth"


@dataclass(frozen=True)
class ImageScores:
    """Scores of one image."""

    psnr: float
    """dB, over the pixels whose rays intersect the box."""
    ssim: float
    """Structural similarity within the bounds of those pixels; other pixels are black."""
    psnr_full: float
    """dB, over all pixels."""
    lpips: float | None
    """Perceptual distance within the same bounds as `ssim`; None without the network's weights."""


def compare(rendered: Image, truth: Image, inside: NDArray[np.bool_], perceptual: Perceptual | None) -> ImageScores:
    """Score a rendered image. `inside` (H, W) are the pixels of the projected box; at least one must be set."""
    squared = (rendered.astype(np.float64) - truth) ** 2
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    crop = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    first, second = (np.where(inside[..., None], image, 0)[crop].astype(np.float32) for image in (rendered, truth))
    return ImageScores(
        psnr=psnr(float(squared[inside].mean())),
        ssim=_ssim(first, second),
        psnr_full=psnr(float(squared.mean())),
        lpips=perceptual(first, second) if perceptual is not None else None,
    )


def find_perceptual() -> Perceptual | None:
    """Return LPIPS with VGG if the package `lpips` and the weights are installed; nothing is downloaded."""
    weights = Path(torch.hub.get_dir()) / "checkpoints" / _LPIPS_WEIGHTS
    if importlib.util.find_spec("lpips") is None or not weights.is_file():
        return None
    import lpips  # noqa: PLC0415 - optional

    network = lpips.LPIPS(net="vgg", verbose=False)

    @torch.no_grad()
    def distance(first: Image, second: Image) -> float:
        images = [torch.from_numpy(image).permute(2, 0, 1)[None] * 2 - 1 for image in (first, second)]
        return float(network(*images))

    return distance


def _ssim(first: Image, second: Image) -> float:
    window = min(_SSIM_WINDOW, *first.shape[:2])
    window -= 1 - window % 2  # odd
    if window < 3:
        return 1.0 if np.array_equal(first, second) else 0.0
    return float(structural_similarity(first, second, win_size=window, channel_axis=2, data_range=1.0))
