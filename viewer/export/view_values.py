"""Depth and opacity as numbers instead of colors: 16-bit depth images, masks, and the range of depths of a recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.box import box_corners
from model.camera import Camera
from viewer.settings import DisplaySettings

VALUE_MODES = ("depth", "opacity")
"""View modes that `value_image` turns into numbers."""

DEPTH_UNITS_PER_METER = 1000
"""16-bit depth images hold millimeters, as those of most depth cameras and data sets do."""


def value_image(mode: str, rgba: NDArray[np.float32], depth: NDArray[np.float32]) -> NDArray[np.uint16] | NDArray[np.uint8]:
    """Return the pixels of a gray PNG with the values of a view.

    Args:
        mode: one of `VALUE_MODES`.
        rgba: (H, W, 4), premultiplied.
        depth: (H, W), meters along the optical axis, 0 where empty.

    Returns:
        Depth: (H, W) uint16, millimeters, 0 where empty; 65535 also means everything farther away. Opacity: (H, W) uint8, 255
        is opaque.
    """
    if mode == "depth":
        return np.rint(np.clip(depth * np.float64(DEPTH_UNITS_PER_METER), 0, 65535)).astype(np.uint16)
    return np.rint(np.clip(rgba[..., 3], 0, 1) * 255).astype(np.uint8)


def depth_range_of(cameras: Iterable[Camera], box: ArrayLike) -> tuple[float, float]:
    """Return the smallest and the largest depth, meters, that the corners of a box (2, 3) have before any camera."""
    corners = box_corners(box)
    depths = np.concatenate([camera.project(corners)[1] for camera in cameras])
    nearest, farthest = max(float(depths.min()), 0.0), max(float(depths.max()), 0.0)
    return (nearest, farthest) if farthest > nearest else (nearest, nearest + 1.0)


def with_depth_range(display: DisplaySettings, cameras: Iterable[Camera], box: ArrayLike) -> DisplaySettings:
    """Return settings whose colors of depth mean the same in all images; a range that is set and other views are kept."""
    if display.mode != "depth" or not display.automatic_range:
        return display
    low, high = depth_range_of(cameras, box)
    return replace(display, automatic_range=False, low=low, high=high)
