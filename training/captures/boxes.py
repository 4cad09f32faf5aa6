"""The axis-aligned box of each frame: around its vertices, or around the hull of its masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from training.captures.capture import Capture
from training.captures.hull import carve_hull, hull_box, seen_space

DEFAULT_PADDING = 0.05
"""Meters added around the vertices."""

_COARSE, _FINE = 64, 64  # cells per side for boxes without vertices: first of the seen space, then of the box found there


def frame_box(capture: Capture, frame: int, padding: float = DEFAULT_PADDING) -> NDArray[np.float64]:
    """Return the box of one frame, (2, 3) meters.

    It is `bounds` of meta.yaml, exactly. Without, it is the box in the capture's files, or the minimum and maximum of the
    frame's vertices (paper), or the box around the visual hull of the masks, padded. The hull is carved twice: in the space
    that the cameras look at, then in the box around the result.

    Raises:
        InputError: vertices or masks cannot be read, or the masks leave no hull.
    """
    if capture.meta.bounds is not None:
        return np.array(capture.meta.bounds)
    box = capture.box(frame)
    if box is None:
        vertices = capture.vertices(frame)
        given = None if vertices is None else np.stack([vertices.min(0), vertices.max(0)]).astype(np.float64)
        box = _mask_box(capture, frame) if given is None else given
    return box + np.array([[-padding], [padding]])


def _mask_box(capture: Capture, frame: int) -> NDArray[np.float64]:
    indices = capture.train_cameras
    cameras = [capture.cameras[i] for i in indices]
    masks = [capture.mask(frame, i) for i in indices]
    min_views = min(len(cameras), max(2, len(cameras) // 2))
    box = seen_space(cameras)
    for resolution in (_COARSE, _FINE):
        hull = carve_hull(cameras, masks, box, resolution, margin=0.5, min_views=min_views)
        if not hull.any():
            raise InputError(capture.root, f"the masks of frame {frame} have no common hull", "add bounds to meta.yaml")
        box = hull_box(hull, box)
    return box


def frame_boxes(capture: Capture, frames: range, padding: float, union: bool) -> NDArray[np.float32]:
    """Return the boxes of frames, (T, 2, 3) meters. With `union`, all are the box around all of them."""
    boxes = np.stack([frame_box(capture, frame, padding) for frame in frames])
    if union:
        boxes[:] = np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])
    return boxes.astype(np.float32)
