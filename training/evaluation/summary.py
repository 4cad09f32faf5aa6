"""Means and deviations of scores: over all images, per camera, per frame."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from training.evaluation.views import ScoredView
from training.perceptual import PerceptualScores

LABELS = {
    "psnr": "PSNR in the box, dB",
    "ssim": "SSIM in the box, data range 1",
    "ssim_published": "SSIM in the box, data range 2 as published",
    "psnr_full": "PSNR of whole images, dB",
    "ssim_full": "SSIM of whole images, data range 1",
    "lpips": "LPIPS in the box, VGG",
    "lpips_alex": "LPIPS in the box, AlexNet",
    "flicker": "flicker",
}
"""Names of scores, and what people read."""

_DIGITS = {"psnr": 4, "psnr_full": 4}  # of dB; all others get five
_SCORES = ("psnr", "ssim", "ssim_published", "psnr_full", "ssim_full")


def values_of(view: ScoredView) -> dict[str, float]:
    """Return the scores of one image by name; LPIPS with VGG is `lpips`, with AlexNet `lpips_alex`."""
    values = {name: getattr(view.scores, name) for name in _SCORES}
    values |= {"lpips" if name == "vgg" else f"lpips_{name}": value for name, value in view.scores.lpips.items()}
    return values if view.flicker is None else values | {"flicker": view.flicker}


def summarize(views: Sequence[ScoredView], perceptual: PerceptualScores) -> dict[str, Any]:
    """Return the means over all images, their standard deviations, and the means of every camera and frame.

    Args:
        views: at least one.
        perceptual: says why LPIPS is missing, if it is.
    """
    means: dict[str, Any] = {"lpips": None, "lpips_alex": None, "flicker": None} | _means(views)
    deviation = {name: _rounded(name, statistics.pstdev(values)) for name, values in _columns(views).items()}
    cameras = {str(c): _means([v for v in views if v.camera == c]) for c in sorted({v.camera for v in views})}
    frames = {str(f): _means([v for v in views if v.frame == f]) for f in sorted({v.frame for v in views})}
    names = {"vgg": "lpips", "alex": "lpips_alex"}
    reasons = {names[network]: reason for network, reason in perceptual.reasons.items()}
    return means | {"deviation": deviation, "cameras": cameras, "frames": frames, "missing": reasons, "images": len(views)}


def _columns(views: Sequence[ScoredView]) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {}
    for view in views:
        for name, value in values_of(view).items():
            columns.setdefault(name, []).append(value)
    return columns


def _means(views: Sequence[ScoredView]) -> dict[str, float]:
    return {name: _rounded(name, statistics.fmean(values)) for name, values in _columns(views).items()}


def _rounded(name: str, value: float) -> float:
    return round(value, _DIGITS.get(name, 5))
