"""The maps of a frame as pictures: feature planes, density map and color map (paper, figure 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import PLANES
from model.frame import Frame

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class MapImages:
    """Pictures of all maps, by plane; u runs to the right and v upwards, as the axes of the scene do."""

    feature_planes: dict[str, Picture]
    """(H, W, 3) for "xy", "xz", "yz"."""
    density_maps: dict[str, Picture]
    """(H, W, 3) for each MLP plane."""
    color_maps: dict[str, Picture]
    """(N, N, 3) for each MLP plane; one pixel is one color head."""


def map_images(frame: Frame) -> MapImages:
    """Draw the maps of a decoded frame: each pixel's parameters reduced to the three that differ most, as colors."""
    features = principal_colors(_images(frame.feature_planes.permute(0, 2, 3, 1)))
    density = principal_colors(_images(frame.density_maps.permute(0, 2, 3, 1)))
    color = principal_colors(_images(frame.color_maps.transpose(1, 2)))
    planes = frame.config.mlp_planes
    return MapImages(
        dict(zip(PLANES, features, strict=True)),
        dict(zip(_unique(planes), density, strict=True)),
        dict(zip(_unique(planes), color, strict=True)),
    )


def principal_colors(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Reduce channels to red, green and blue by their principal components, the same ones for all images.

    The component that varies most becomes the lightness-heavy green, the next red, then blue; the 1st to 99th percentile
    of each fill the range.

    Args:
        images: (count, H, W, C).

    Returns:
        (count, H, W, 3).
    """
    flat = images.reshape(-1, images.shape[-1]).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    scores = _principal_scores(flat)
    low, high = np.percentile(scores, (1, 99), axis=0)
    least, most = scores.min(axis=0), scores.max(axis=0)
    low, high = np.where(high - low > 1e-3 * (most - least), (low, high), (least, most))
    span = high - low
    varies = span > 1e-4 * max(span.max(), 1e-12)  # the rest is rounding
    scaled = np.where(varies, (scores - low) / np.where(varies, span, 1.0), 0.5)
    colors = np.rint(np.clip(scaled, 0.0, 1.0) * 255).astype(np.uint8)[:, [1, 0, 2]]
    return colors.reshape(*images.shape[:-1], 3)


def _principal_scores(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    # (rows, 3): the rows along the three directions in which they vary most. The smaller of the two Gram matrices has
    # them: color heads have far more parameters than a map has heads.
    rows, channels = flat.shape
    if rows < channels:
        values, vectors = np.linalg.eigh(flat @ flat.T)
        scores = vectors[:, :-4:-1] * np.sqrt(np.maximum(values[:-4:-1], 0))
        directions = flat.T @ scores
    else:
        _, vectors = np.linalg.eigh(flat.T @ flat)
        directions = vectors[:, :-4:-1]
        scores = flat @ directions
    scores = scores * np.where(directions.sum(axis=0) < 0, -1.0, 1.0)  # the sign is arbitrary; this makes it steady
    return np.pad(scores, ((0, 0), (0, 3 - scores.shape[1])))


def _images(maps: torch.Tensor) -> NDArray[np.float32]:
    # (planes, along v, along u, C) with v upwards: row 0 is the largest v.
    return np.ascontiguousarray(maps.detach().cpu().float().numpy()[:, ::-1])


def _unique(planes: tuple[str, ...]) -> list[str]:
    # The paper's ablation has the same plane three times.
    if len(set(planes)) == len(planes):
        return list(planes)
    return [f"{plane} {number}" for number, plane in enumerate(planes, 1)]
