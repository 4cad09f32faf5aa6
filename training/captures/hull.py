"""Visual hulls: the space inside the masks of all views, carved coarse to fine."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from training.captures.images import Pixels

Floats = NDArray[np.float64]
Real = TypeVar("Real", np.float32, np.float64)
Cells = NDArray[np.bool_]

_PIXEL = 2**0.5  # twice half a pixel's diagonal
_COVERAGE_SIDE = 192  # pixels of the longer side of an image in which coverage is measured

_FAR = 1e9  # pixels; the distance to an empty mask


def mask_distance(mask: Pixels) -> NDArray[np.float32]:
    """Return the distance of each pixel to the nearest foreground pixel, in pixels; 0 on the foreground."""
    if not mask.any():
        return np.full(mask.shape, _FAR, dtype=np.float32)
    return cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5).astype(np.float32)


def carve_hull(
    cameras: list[Camera], masks: list[Pixels], box: Floats, resolution: int, margin: float, min_views: int = 0
) -> Cells:
    """Carve the visual hull of one frame.

    A view removes a cell if it sees the cell's center and the whole cell, enlarged by `margin`, projects outside the mask. So
    the hull contains every point that projects onto the dilated masks of all views. Cells are carved at a coarse resolution
    first; those that remain are then carved at twice the resolution, and so on.

    Args:
        cameras: the views.
        masks: (H, W) uint8 each, nonzero on the subject.
        box: (2, 3) meters, divided evenly into cells.
        resolution: cells along each axis.
        margin: dilation of the masks, pixels.
        min_views: cells that fewer views see are removed.

    Returns:
        (resolution, resolution, resolution) bool, axes x, y, z.
    """
    distances = [mask_distance(mask) for mask in masks]
    size = resolution
    while size % 2 == 0 and size > 16:
        size //= 2
    alive = np.argwhere(np.ones((size,) * 3, dtype=bool))
    while True:
        alive = alive[_survives(cameras, distances, box, (alive + 0.5) / size, 1 / size, margin, min_views)]
        if size == resolution:
            break
        size *= 2
        alive = (alive[:, None] * 2 + np.argwhere(np.ones((2, 2, 2), dtype=bool))).reshape(-1, 3)
    hull = np.zeros((resolution,) * 3, dtype=bool)
    hull[tuple(alive.T)] = True
    return hull


def _survives(
    cameras: list[Camera],
    distances: list[NDArray[np.float32]],
    box: Floats,
    centers: Floats,
    cell: float,
    margin: float,
    min_views: int,
) -> Cells:
    points = box[0] + centers * (box[1] - box[0])
    radius = 0.5 * cell * float(np.linalg.norm(box[1] - box[0]))
    index = np.arange(len(points))
    views = np.zeros(len(points), dtype=np.int64)
    for camera, distance in zip(cameras, distances, strict=True):
        seen, outside = _seen_outside(camera, distance, points[index], radius, margin)
        views[index] += seen
        index = index[~outside]
    survives = np.zeros(len(points), dtype=bool)
    survives[index] = views[index] >= min_views
    return survives


def _seen_outside(
    camera: Camera, distance: NDArray[np.float32], points: Floats, radius: float, margin: float
) -> tuple[Cells, Cells]:
    """Return which spheres a view sees, and which of these it sees completely outside of its mask, (P,) each."""
    pixels, depth = camera.project(points)
    column, row = pixels.T
    seen = (depth > radius) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    near = np.flatnonzero(seen)
    nearest = distance[row[near].astype(int), column[near].astype(int)]
    apart = nearest > margin + _PIXEL  # the rest, often most, is on the mask or too near to it
    near, nearest = near[apart], nearest[apart]
    centers, depth = points[near], depth[near]
    # Off the axis a length covers more pixels. `_PIXEL` covers the extent of the mask's pixel and of the cell's pixel.
    stretch = np.linalg.norm(centers - camera.center, axis=1) / np.maximum(depth, radius)
    reach = margin + _PIXEL + radius * stretch * camera.K.diagonal()[:2].max() / np.maximum(depth - radius, radius)
    outside = np.zeros(len(points), dtype=bool)
    outside[near] = nearest > reach
    return seen, outside


def carve_votes(cameras: list[Camera], masks: list[Pixels], box: Floats, resolution: int) -> tuple[Floats, NDArray[np.int64]]:
    """Find the cells that at most one view removes.

    Args:
        cameras: the views.
        masks: (H, W) uint8 each, nonzero on the subject.
        box: (2, 3) meters, divided evenly into cells.
        resolution: cells along each axis, 16 times a power of two.

    Returns:
        Their centers, (P, 3) meters, and the index of the view that removes each, (P,); -1 where none does.
    """
    distances = [mask_distance(mask) for mask in masks]
    size, corners = 16, np.argwhere(np.ones((16,) * 3, dtype=bool))
    while True:
        last = size == resolution
        points = box[0] + (corners + 0.5) / size * (box[1] - box[0])
        radius = 1e-6 if last else 0.5 / size * float(np.linalg.norm(box[1] - box[0]))
        votes, culprits = np.zeros(len(points), dtype=np.int64), np.full(len(points), -1)
        for view, (camera, distance) in enumerate(zip(cameras, distances, strict=True)):
            undecided = np.flatnonzero(votes < 2)
            outside = undecided[_seen_outside(camera, distance, points[undecided], radius, 0.0)[1]]
            votes[outside] += 1
            culprits[outside] = view
        kept = votes < 2
        if last:
            return points[kept], culprits[kept]
        size *= 2
        corners = (corners[kept][:, None] * 2 + np.argwhere(np.ones((2, 2, 2), dtype=bool))).reshape(-1, 3)


def mask_coverage(cameras: list[Camera], masks: list[Pixels], hull: Cells, box: Floats) -> Floats:
    """Return the share of each mask that the hull covers, (views,), from 0 to 1; 1 for an empty mask.

    Args:
        cameras: the views.
        masks: (H, W) uint8 each, nonzero on the subject.
        hull: (X, Y, Z), cells that divide `box` evenly.
        box: (2, 3) meters.
    """
    step = (box[1] - box[0]) / hull.shape
    centers = box[0] + (np.argwhere(hull) + 0.5) * step
    shares = []
    for camera, mask in zip(cameras, masks, strict=True):
        view, small = reduced_view(camera, mask, _COVERAGE_SIDE)
        covered = covered_pixels(view, centers, step)
        shares.append(float((covered[small > 0] > 0).mean()) if small.any() else 1.0)
    return np.array(shares)


def reduced_view(camera: Camera, mask: Pixels, side: int) -> tuple[Camera, Pixels]:
    """Return a view and its mask, (h, w), 0 or 1, with at most `side` pixels along each side."""
    scale = min(1.0, side / max(mask.shape))
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    small = cv2.resize((mask > 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return camera.resized(*size), np.asarray(small)


def pixels_of(view: Camera, points: Floats) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64], Floats]:
    """Return the rows and columns of the pixels that show points (P, 3), the indices of these points, and their depths.

    Points behind the camera or beside its image have no pixel.
    """
    pixels, depth = view.project(points)
    column, row = np.floor(pixels).astype(np.int64).T
    seen = np.flatnonzero((depth > 0) & (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height))
    return (row[seen], column[seen]), seen, depth[seen]


def covered_pixels(view: Camera, cells: Floats, step: Floats) -> Pixels:
    """Return the pixels that cells cover, (h, w), 0 or 1.

    Args:
        view: the camera.
        cells: (P, 3) their centers.
        step: (3,) their sides, meters.
    """
    places, _, depth = pixels_of(view, cells)
    drawn = np.zeros((view.height, view.width), dtype=np.uint8)
    drawn[places] = 1
    return np.asarray(cv2.dilate(drawn, _cell_disk(view, depth, step)))


def _cell_disk(view: Camera, depth: Floats, step: Floats) -> NDArray[Any]:
    """Return a disk, for OpenCV, as large in an image as the sphere around the nearest cell.

    Args:
        view: the camera.
        depth: (P,) of the cells' centers.
        step: (3,) sides of a cell, meters.
    """
    nearest = float(depth.min()) if len(depth) else 1.0
    reach = int(np.ceil(0.5 * np.linalg.norm(step) * view.K.diagonal()[:2].max() / nearest))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))


def hull_box(hull: Cells, box: NDArray[Real]) -> NDArray[Real]:
    """Return the tightest box around the cells of a hull.

    Args:
        hull: (X, Y, Z), cells that divide `box` evenly.
        box: (2, 3) meters.

    Returns:
        (2, 3) meters in the precision of `box`; `box` itself when the hull is empty.
    """
    cells = np.argwhere(hull)
    if not len(cells):
        return box
    bounds = np.stack([cells.min(0), cells.max(0) + 1]) / np.array(hull.shape)
    return box[0] + bounds.astype(np.result_type(box, np.float32)) * (box[1] - box[0])


def seen_space(cameras: list[Camera]) -> Floats:
    """Return a cube, (2, 3) meters, around the point that the cameras look at. Half its side is their mean distance to it."""
    origins = np.stack([camera.center for camera in cameras])
    axes = np.stack([camera.R[2] for camera in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    target = np.linalg.lstsq(across.sum(0), (across @ origins[:, :, None]).sum(0)[:, 0], rcond=None)[0]
    reach = float(np.linalg.norm(origins - target, axis=1).mean())
    return np.stack([target - reach, target + reach])
