"""Find wrong holes in masks: background of one camera without which no other camera's mask could be right."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from training.captures.hull import Floats, carve_votes, cell_disk
from training.captures.images import Pixels

FEWEST_VIEWS = 4
"""With fewer cameras, there is no majority."""

_CELLS = 64  # per side of the box
_SIDE = 192  # pixels of the longer side of an image in which masks are compared
_WITNESSES = 2  # other cameras that must see the subject where only the doubted camera sees background
_REACH = 0.02  # of the longer side of an image: how far around such pixels the mask is doubted, too


def doubted_pixels(cameras: list[Camera], masks: list[Pixels], box: Floats) -> list[NDArray[np.bool_]] | None:
    """Return which background of each mask the other masks contradict, (H, W) each; None if there is none.

    A camera that marks a part of the subject as background removes that part from the hull. Then rays of other cameras through
    the subject meet no cell of the hull any more. If at least two other cameras miss the cells that this camera alone
    removes, it is wrong. Right masks contradict nothing: every pixel of the subject shows a point that no right mask removes.

    Args:
        cameras: the views.
        masks: (H, W) uint8 each, nonzero on the subject.
        box: (2, 3) meters around the subject.
    """
    if len(cameras) < FEWEST_VIEWS:
        return None
    reduced = [_reduced(mask) for mask in masks]
    views = [camera.resized(*mask.shape[::-1]) for camera, mask in zip(cameras, reduced, strict=True)]
    cells, culprits = carve_votes(views, reduced, box, _CELLS)
    step = (box[1] - box[0]) / _CELLS
    removed, of_one = cells[culprits >= 0], culprits[culprits >= 0]
    witnesses = np.zeros(len(removed), dtype=np.int64)
    for view, mask in zip(views, reduced, strict=True):
        unexplained = (mask > 0) & ~_drawn(view, mask, cells[culprits < 0], step)
        witnesses += _at(view, unexplained, removed)
    missed = witnesses >= _WITNESSES
    if not missed.any():
        return None
    found = []
    for index, (view, small, mask) in enumerate(zip(views, reduced, masks, strict=True)):
        part = _drawn(view, small, removed[missed & (of_one == index)], step, _REACH)
        others_hull = _drawn(view, small, cells[(culprits < 0) | (culprits == index)], step)
        large = cv2.resize((part & others_hull).astype(np.uint8), mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
        found.append((large > 0) & (mask == 0))
    return found if any(pixels.any() for pixels in found) else None


def _drawn(view: Camera, mask: Pixels, cells: Floats, step: Floats, reach: float = 0.0) -> NDArray[np.bool_]:
    """Return which pixels cells cover, (h, w), widened by a share of the longer side."""
    pixels, depth = view.project(cells)
    column, row = np.floor(pixels).astype(np.int64).T
    seen = (depth > 0) & (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
    drawn = np.zeros(mask.shape, dtype=np.uint8)
    drawn[row[seen], column[seen]] = 1
    covered = cv2.dilate(drawn, cell_disk(view, depth[seen], step))
    if reach:
        radius = int(np.ceil(reach * max(mask.shape)))
        covered = cv2.dilate(covered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
    return np.asarray(covered > 0)


def _at(view: Camera, pixels: NDArray[np.bool_], points: Floats) -> NDArray[np.bool_]:
    """Return whether each point projects onto a set pixel, (P,)."""
    place, depth = view.project(points)
    column, row = np.floor(place).astype(np.int64).T
    seen = (depth > 0) & (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
    result = np.zeros(len(points), dtype=bool)
    result[seen] = pixels[row[seen], column[seen]]
    return result


def _reduced(mask: Pixels) -> Pixels:
    scale = min(1.0, _SIDE / max(mask.shape))
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    return np.asarray(cv2.resize((mask > 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST))
