"""Split an image into the tiles that native code renders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TILE_SIDE = 32
"""Pixels along a side of a full tile: enough samples for each color head, little enough to cancel within milliseconds."""


def tile_rectangles(width: int, height: int, side: int = TILE_SIDE) -> NDArray[np.int32]:
    """Return tiles that cover an image. Neighbors are close in the list, so that their maps are still in the cache.

    Args:
        width, height: pixels, at least 1.
        side: pixels along a side of a full tile, at most `TILE_SIDE`.

    Returns:
        (n, 4): x0, y0, x1, y1 of each, in Z-order.
    """
    y, x = np.mgrid[0 : -(-height // side), 0 : -(-width // side)].reshape(2, -1)
    order = np.argsort(_interleave(x) | _interleave(y) << 1, kind="stable")
    x, y = x[order] * side, y[order] * side
    return np.stack([x, y, np.minimum(x + side, width), np.minimum(y + side, height)], axis=1).astype(np.int32)


def _interleave(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Spread the bits of numbers below 2^16 to every second place."""
    spread = np.zeros_like(values)
    for bit in range(16):
        spread |= (values >> bit & 1) << (2 * bit)
    return spread
