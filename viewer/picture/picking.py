"""Find the capture camera under the mouse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.camera import Camera
from viewer.picture.wireframes import NEAR


def camera_under(cameras: Sequence[Camera], view: Camera, x: float, y: float, reach: float) -> int | None:
    """Return the index of the camera whose center is seen nearest to a pixel. Of several at the same pixel, return the closest.

    Args:
        cameras: the capture cameras.
        view: the camera of the view.
        x, y: pixel of the view.
        reach: largest distance from the pixel to the center, pixels.

    Returns:
        The index, or None if no camera is within reach.
    """
    if not cameras:
        return None
    pixels, depth = view.project([camera.center for camera in cameras])
    away = np.hypot(pixels[:, 0] - x, pixels[:, 1] - y)
    away[(depth <= NEAR) | (away > reach)] = np.inf
    order = np.lexsort((depth, np.round(away)))
    return int(order[0]) if np.isfinite(away[order[0]]) else None
