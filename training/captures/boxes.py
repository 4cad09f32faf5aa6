"""The axis-aligned box of each frame: around its vertices, or around the hull of its masks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError
from model.camera import Camera
from renderer.reference.rays import camera_rays, intersect_box
from training.captures.capture import Capture
from training.captures.hull import Cells, carve_hull, hull_box, mask_coverage, seen_space
from training.captures.images import Pixels

DEFAULT_PADDING = 0.05
"""Meters added around the vertices."""

_COARSE, _FINE = 64, 64  # cells per side for boxes without vertices: first of the seen space, then of the box found there

_UNCOVERED = 0.02  # share of a mask that the hull may leave uncovered: stray pixels of imperfect masks


def frame_box(capture: Capture, frame: int, padding: float = DEFAULT_PADDING) -> NDArray[np.float64]:
    """Return the box of one frame, (2, 3) meters.

    It is exactly `bounds` of meta.yaml if given. Otherwise it is the box in the capture's files, or the minimum and maximum of
    the frame's vertices (paper), or the box around the visual hull of the masks, padded. The hull is carved twice: in the space
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
    box = seen_space(cameras)
    min_views, hull = consistent_hull(cameras, masks, box)
    box = _box_around(capture, frame, hull, box)
    return _box_around(capture, frame, carve_hull(cameras, masks, box, _FINE, 0.5, min_views), box)


def _box_around(capture: Capture, frame: int, hull: Cells, box: NDArray[np.float64]) -> NDArray[np.float64]:
    if not hull.any():
        raise InputError(capture.root, f"the masks of frame {frame} have no common hull", "add bounds to meta.yaml")
    return hull_box(hull, box)


def consistent_hull(cameras: list[Camera], masks: list[Pixels], box: NDArray[np.float64]) -> tuple[int, Cells]:
    """Return how many views must see a cell that belongs to the hull, and the hull that is carved with this number.

    Requiring more views removes more of the space outside the subject that only few cameras see. But it also removes parts of
    the subject that some cameras do not see, and then the hull no longer covers the masks of the others. So this is the
    largest number with which the hull covers the masks as well as it does with two.

    Args:
        cameras: the views.
        masks: (H, W) uint8 each, nonzero on the subject.
        box: (2, 3) meters, in which the hull is carved.

    Returns:
        A number from 1 to the number of cameras; and the hull, `_COARSE` cells along each axis.
    """

    def carved(views: int) -> Cells:
        return carve_hull(cameras, masks, box, _COARSE, 0.5, views)

    fewest, most = min(2, len(cameras)), len(cameras)
    hull = carved(most)
    if (mask_coverage(cameras, masks, hull, box) >= 1 - _UNCOVERED).all():
        return most, hull
    best = carved(fewest)
    enough = mask_coverage(cameras, masks, best, box) - _UNCOVERED
    while fewest < most - 1:
        middle = (fewest + most) // 2
        hull = carved(middle)
        if (mask_coverage(cameras, masks, hull, box) >= enough).all():
            fewest, best = middle, hull
        else:
            most = middle
    return fewest, best


def frame_boxes(capture: Capture, frames: range, padding: float, union: bool) -> NDArray[np.float32]:
    """Return the boxes of frames, (T, 2, 3) meters. With `union`, all are the box around all of them."""
    boxes = np.stack([frame_box(capture, frame, padding) for frame in frames])
    if union:
        boxes[:] = np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])
    return boxes.astype(np.float32)


def box_mask(camera: Camera, box: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the pixels whose rays intersect a box (2, 3), meters: (H, W)."""
    origin, directions, _ = camera_rays(camera)
    t_near, t_far = intersect_box(origin, directions, torch.from_numpy(box).float())
    return (t_far > t_near).view(camera.height, camera.width).numpy()
