"""Find the capture camera under the mouse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.camera import Camera
from viewer.picture.wireframes import NEAR


def camera_under(cameras: Sequence[Camera], view: Camera, x: float, y: float, reach: float) -> int | None:
    """Return the index of the camera whose center is seen nearest to a pixel. Among equally near ones, take the closest.

    Args:
        cameras: of the capture.
        view: the camera that one looks through.
        x, y: pixel of the view.
        reach: how far off the center may be seen, pixels.

    Returns:
        None when there is none.
    """
    if not cameras:
        return None
    pixels, depth = view.project([camera.center for camera in cameras])
    away = np.hypot(pixels[:, 0] - x, pixels[:, 1] - y)
    away[(depth <= NEAR) | (away > reach)] = np.inf
    order = np.lexsort((depth, np.round(away)))
    return int(order[0]) if np.isfinite(away[order[0]]) else None
