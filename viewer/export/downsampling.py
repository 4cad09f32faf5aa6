"""Bring supersampled images to the size of a recording: blocks of pixels are averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer.backend import RenderedImage


def downsampled(image: RenderedImage, factor: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Average blocks of pixels. Depth is weighted by opacity, and 0 where a block is empty.

    Returns:
        (H / factor, W / factor, 4) and (H / factor, W / factor).
    """
    if factor == 1:
        return image.rgba, image.depth
    height, width = image.depth.shape[0] // factor, image.depth.shape[1] // factor
    weights = image.rgba[..., 3].reshape(height, factor, width, factor)
    depth = (image.depth.reshape(height, factor, width, factor) * weights).sum(axis=(1, 3))
    total = weights.sum(axis=(1, 3))
    depth = np.divide(depth, total, out=np.zeros_like(depth), where=total > 0)
    return averaged(image.rgba, factor), depth.astype(np.float32)


def averaged(pixels: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Average blocks of (H, W, C) pixels to (H / factor, W / factor, C)."""
    height, width, channels = pixels.shape
    blocks = pixels.reshape(height // factor, factor, width // factor, factor, channels)
    return pixels if factor == 1 else blocks.mean(axis=(1, 3), dtype=np.float32)
