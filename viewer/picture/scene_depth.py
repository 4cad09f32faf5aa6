"""Find the parts of overlay lines that lie behind the scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer.backend import RenderedImage
from viewer.picture.views import SURFACE_OPACITY

Floats = NDArray[np.float64]

STEP = 4.0
"""Distance between the points of a line that are compared with the image, pixels."""

MAX_PIECES = 1024
"""Maximum number of points per line."""

SLACK = 0.005
"""A line is hidden if it is behind the surface by more than this fraction of the scene's diagonal."""


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
        """Return the depth in meters at positions 0 to 1, from left to right and from top to bottom."""
        return np.where(x < self._divider, nearest(self._left, x, y), nearest(self._right, x, y))


def surface_depth(image: RenderedImage) -> NDArray[np.float32]:
    """Return the (H, W) depth of an image in meters, infinite where it is transparent."""
    return np.where(image.opacity >= SURFACE_OPACITY, image.depth, np.float32(np.inf))


def nearest(depth: NDArray[np.float32], x: Floats, y: Floats) -> Floats:
    """Return the values of the pixels at positions from 0 to 1."""
    height, width = depth.shape
    column = np.clip((x * width).astype(np.int64), 0, width - 1)
    row = np.clip((y * height).astype(np.int64), 0, height - 1)
    return depth[row, column].astype(np.float64)


def split_lines(ends: Floats, size: tuple[int, int], depth: SceneDepth, slack: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Split lines where they pass behind the surface or come out again.

    Args:
        ends: (N, 2, 3) pixels x and y, meters z.
        size: width and height of the view, pixels. Parts outside it are left out.
        depth: depth of the surface.
        slack: distance behind the surface at which a line still counts as visible, meters.

    Returns:
        (M, 2, 2) pixels of the parts, and for each whether it is hidden.
    """
    ends, begin, finish = clipped(ends, size)
    length = np.linalg.norm(ends[:, 1, :2] - ends[:, 0, :2], axis=1) * (finish - begin)
    counts = np.clip(np.ceil(length / STEP), 1, MAX_PIECES).astype(np.int64)
    line = np.repeat(np.arange(len(ends)), counts)
    piece = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    step = (finish - begin) / counts
    hidden = is_hidden(ends[line], begin[line] + (piece + 0.5) * step[line], size, depth, slack)
    first, last = runs(line, hidden)
    line = line[first]
    cuts = begin[line, None] + np.stack([piece[first], piece[last] + 1], axis=1) * step[line, None]
    start, way = ends[line, 0, :2], ends[line, 1, :2] - ends[line, 0, :2]
    return start[:, None] + cuts[..., None] * way[:, None], hidden[first]


def is_hidden(ends: Floats, part: Floats, size: tuple[int, int], depth: SceneDepth, slack: float) -> NDArray[np.bool_]:
    """Return whether each line is behind the surface at `part` (0 to 1) of the way to its second end."""
    place = ends[:, 0, :2] + part[:, None] * (ends[:, 1, :2] - ends[:, 0, :2])
    inverse = (1 - part) / ends[:, 0, 2] + part / ends[:, 1, 2]  # 1 / z is linear on the screen
    return 1 / inverse > depth.at(place[:, 0] / size[0], place[:, 1] / size[1]) + slack


def runs(line: NDArray[np.int64], hidden: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and last index of consecutive pieces of one line that are all hidden or all visible."""
    changes = (line[1:] != line[:-1]) | (hidden[1:] != hidden[:-1])
    inner = np.flatnonzero(changes)
    ends = np.array([len(line) - 1] if len(line) else [], dtype=np.int64)
    return np.concatenate([ends * 0, inner + 1]), np.concatenate([inner, ends])


def clipped(ends: Floats, size: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Return the lines that cross the view, and where each enters and leaves it, 0 to 1 along the line."""
    start, way = ends[:, 0, :2], ends[:, 1, :2] - ends[:, 0, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        to_low, to_high = (0 - start) / way, (np.array(size) - start) / way
    still = way == 0  # parallel to this border: either inside or outside everywhere
    outside = still & ((start < 0) | (start > np.array(size)))
    near = np.where(still, -np.inf, np.minimum(to_low, to_high))
    far = np.where(still, np.inf, np.maximum(to_low, to_high))
    begin, finish = np.maximum(near.max(axis=1), 0.0), np.minimum(far.min(axis=1), 1.0)
    crosses = (begin < finish) & ~outside.any(axis=1)
    return ends[crosses], begin[crosses], finish[crosses]
