"""Find wrong holes in masks: background of one camera without which no other camera's mask could be right."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from training.captures.hull import Floats, carve_votes, covered_pixels, pixels_of, reduced_view
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
    views, reduced = zip(*(reduced_view(camera, mask, _SIDE) for camera, mask in zip(cameras, masks, strict=True)), strict=True)
    cells, culprits = carve_votes(list(views), list(reduced), box, _CELLS)
    step = (box[1] - box[0]) / _CELLS
    removed, of_one = cells[culprits >= 0], culprits[culprits >= 0]
    witnesses = np.zeros(len(removed), dtype=np.int64)
    for view, mask in zip(views, reduced, strict=True):
        unexplained = (mask > 0) & (covered_pixels(view, cells[culprits < 0], step) == 0)
        places, shown, _ = pixels_of(view, removed)
        witnesses[shown] += unexplained[places]
    missed = witnesses >= _WITNESSES
    if not missed.any():
        return None
    found = []
    for index, (view, mask) in enumerate(zip(views, masks, strict=True)):
        part = _widened(covered_pixels(view, removed[missed & (of_one == index)], step))
        others_hull = covered_pixels(view, cells[(culprits < 0) | (culprits == index)], step)
        large = cv2.resize(part & others_hull, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
        found.append((large > 0) & (mask == 0))
    return found if any(pixels.any() for pixels in found) else None


def _widened(pixels: Pixels) -> Pixels:
    radius = int(np.ceil(_REACH * max(pixels.shape)))
    return np.asarray(cv2.dilate(pixels, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))))
