"""Check whether a camera sees a box, and explain why if it does not. An image would stay empty then."""

from __future__ import annotations

from numpy.typing import ArrayLike

from model.box import box_corners
from model.camera import Camera


def why_unseen(camera: Camera, box: ArrayLike) -> str:
    """Return why nothing of a box can be in a camera's image, for messages; empty if something may be.

    Args:
        camera: the view.
        box: (2, 3), lower and upper corner, meters.
    """
    corners = box_corners(box)
    pixels, depths = camera.project(corners)
    distance = camera.project(corners.mean(axis=0))[1]
    if depths.max() <= 0:
        return f"the scene is {-distance:.3g} m behind this camera"
    if depths.min() <= 0:
        return ""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if (high < 0).any() or (low > (camera.width, camera.height)).any():
        return f"the scene is {distance:.3g} m away, outside of this camera's image"
    if (high - low).max() < min(1, 0.05 * min(camera.width, camera.height)):
        return f"the scene is {distance:.3g} m away and smaller than a pixel (T is in meters)"
    return ""
