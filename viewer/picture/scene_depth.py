"""Find out which points of the overlays lie behind the scene. A shader does it for lines, shaders/lines.frag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer.backend import SURFACE_OPACITY, RenderedImage

Floats = NDArray[np.float64]

SLACK = 0.005
"""A line or a point is hidden if it is behind the surface by more than this fraction of the scene's diagonal."""


class SceneDepth:
    """Depth of the visible surface at each position of the view.

    Args:
        left: (H, W) depth of the first image, meters; infinite where it is empty.
        right: the same for the image to the right of the divider.
        divider: position of the divider, 0 at the left to 1 at the right.
    """

    def __init__(self, left: NDArray[np.float32], right: NDArray[np.float32] | None = None, divider: float = 1.0) -> None:
        self._left, self._right, self._divider = left, left if right is None else right, divider

    def at(self, x: Floats, y: Floats) -> Floats:
        """Return the depth in meters at positions (N,) from 0 to 1, from left to right and from top to bottom."""
        return np.where(x < self._divider, nearest(self._left, x, y), nearest(self._right, x, y))


def surface_depth(image: RenderedImage) -> NDArray[np.float32]:
    """Return the (H, W) depth of an image in meters, infinite where it is transparent."""
    return np.where(image.opacity >= SURFACE_OPACITY, image.depth, np.float32(np.inf))


def nearest(depth: NDArray[np.float32], x: Floats, y: Floats) -> Floats:
    """Return the values (N,) of the pixels (H, W) at positions (N,) from 0 to 1."""
    height, width = depth.shape
    column = np.clip((x * width).astype(np.int64), 0, width - 1)
    row = np.clip((y * height).astype(np.int64), 0, height - 1)
    return depth[row, column].astype(np.float64)


def is_hidden(points: Floats, size: tuple[int, int], depth: SceneDepth, slack: float) -> NDArray[np.bool_]:
    """Return whether each point is behind the surface.

    Args:
        points: (N, 3) pixels x and y, meters z.
        size: width and height of the view, pixels.
        depth: depth of the surface.
        slack: distance behind the surface at which a point still counts as visible, meters.
    """
    return points[:, 2] > depth.at(points[:, 0] / size[0], points[:, 1] / size[1]) + slack
