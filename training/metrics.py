"""Scores that compare a rendered image with the captured one."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from common.scores import psnr
from training.perceptual import Image, PerceptualScores

_SSIM_WINDOW = 7

PUBLISHED_RANGE = 2.0
"""Data range of the SSIM in the paper: its authors call scikit-image 0.19.3 without one, which takes floats as -1 to 1."""


@dataclass(frozen=True)
class ImageScores:
    """Scores of one image."""

    psnr: float
    """dB, over the pixels whose rays intersect the box, without those of an outline that is given."""
    ssim: float
    """Structural similarity within the bounds of those pixels, for colors from 0 to 1; other pixels are black."""
    ssim_published: float
    """The same with the data range that the paper's authors used, which gives higher values."""
    psnr_full: float
    """dB, over all pixels."""
    ssim_full: float
    """Structural similarity of whole images, for colors from 0 to 1."""
    lpips: dict[str, float] = field(default_factory=dict)
    """Perceptual distance by network within the same bounds as `ssim`; networks without weights are missing."""


def compare(
    rendered: Image,
    truth: Image,
    inside: NDArray[np.bool_],
    perceptual: PerceptualScores | None = None,
    edge: int = 0,
    outline: NDArray[np.bool_] | None = None,
) -> ImageScores:
    """Score a rendered image.

    Args:
        rendered: (H, W, 3) in [0, 1].
        truth: the same.
        inside: (H, W), the pixels of the projected box; at least one must be set.
        perceptual: LPIPS; None means none.
        edge: pixels along the image's edges that no score counts.
        outline: (H, W), pixels that the PSNR in the box does not count; None means none. See `mask_outline`.

    Raises:
        ValueError: no pixel of the box is left inside the edges and outside the outline.
    """
    if edge:
        rendered, truth, inside = (image[edge:-edge, edge:-edge] for image in (rendered, truth, inside))
        outline = None if outline is None else outline[edge:-edge, edge:-edge]
    counted = inside if outline is None else inside & ~outline
    if not counted.any():
        raise ValueError("no pixel of the box is left")
    squared = (rendered.astype(np.float64) - truth) ** 2
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    crop = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    first, second = (np.where(inside[..., None], image, 0)[crop].astype(np.float32) for image in (rendered, truth))
    return ImageScores(
        psnr=psnr(float(squared[counted].mean())),
        ssim=_ssim(first, second, 1.0),
        ssim_published=_ssim(first, second, PUBLISHED_RANGE),
        psnr_full=psnr(float(squared.mean())),
        ssim_full=_ssim(rendered.astype(np.float32), truth.astype(np.float32), 1.0),
        lpips=perceptual(first, second) if perceptual is not None else {},
    )


def mask_outline(mask: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Return the pixels around a mask's outline: those where its dilation and its erosion differ.

    The paper's authors leave these pixels out of the PSNR on NHR, whose masks are inexact, with a size of 5.

    Args:
        mask: (H, W), above 127 where the subject is.
        size: side of the square for dilation and erosion, pixels; odd.
    """
    subject, square = (mask > 127).astype(np.uint8), np.ones((size, size), np.uint8)
    return cv2.dilate(subject, square) != cv2.erode(subject, square)  # type: ignore[no-any-return]


def flicker(rendered: tuple[Image, Image], truth: tuple[Image, Image], inside: NDArray[np.bool_]) -> float:
    """Return how much two consecutive renderings change differently from the truth.

    It is the mean absolute difference of (rendered[1] - rendered[0]) and (truth[1] - truth[0]) over the pixels of the box and
    the channels, for colors from 0 to 1. An error that stays the same in both frames does not count.
    """
    change = (rendered[1].astype(np.float64) - rendered[0]) - (truth[1].astype(np.float64) - truth[0])
    return float(np.abs(change[inside]).mean())


def _ssim(first: Image, second: Image, data_range: float) -> float:
    window = min(_SSIM_WINDOW, *first.shape[:2])
    window -= 1 - window % 2  # odd
    if window < 3:
        return 1.0 if np.array_equal(first, second) else 0.0
    return float(structural_similarity(first, second, win_size=window, channel_axis=2, data_range=data_range))
