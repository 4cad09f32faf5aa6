"""The pyramids that show cameras in the view. They are computed once, for at most `MAX_FRUSTUMS` cameras."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from viewer.picture.wireframes import NEAR, Segments, frustum_segments

MAX_FRUSTUMS = 300
"""Maximum number of cameras that are shown. Of more cameras, every n-th is shown, because all would hide the scene."""


class Frustums:
    """Pyramids of cameras.

    Args:
        cameras: all cameras.
        size: length of a pyramid, meters.
    """

    def __init__(self, cameras: Sequence[Camera], size: float) -> None:
        self._cameras, self._size = cameras, size
        count = len(cameras)
        self.indices = np.unique(np.linspace(0, count - 1, min(count, MAX_FRUSTUMS)).astype(int))
        """Indices of the cameras that are shown, (N,)."""
        pyramids = [frustum_segments(cameras[i], size) for i in self.indices]
        self.segments = np.stack(pyramids) if pyramids else np.zeros((0, 0, 2, 3))
        """Lines of each pyramid, (N, lines, 2, 3) meters."""
        self.centers = np.array([cameras[i].center for i in self.indices]).reshape(-1, 3)
        """Positions of the cameras that are shown, (N, 3) meters."""

    def lines(self, hidden: NDArray[np.bool_]) -> Segments:
        """Return the lines of all pyramids except the hidden ones; `hidden` is (N,)."""
        return self.segments[~hidden].reshape(-1, 2, 3)

    def of_camera(self, index: int) -> Segments:
        """Return the lines of one camera, which need not be among those shown."""
        return frustum_segments(self._cameras[index], self._size)

    def under(self, view: Camera, x: float, y: float, reach: float) -> int | None:
        """Return the index of the shown camera whose center is seen nearest to a pixel; of several there, the closest.

        Args:
            view: the camera of the view.
            x, y: pixel of the view.
            reach: largest distance from the pixel to the center, pixels.

        Returns:
            The index among all cameras, or None if no camera is within reach.
        """
        if not len(self.centers):
            return None
        pixels, depth = view.project(self.centers)
        away = np.hypot(pixels[:, 0] - x, pixels[:, 1] - y)
        away[(depth <= NEAR) | (away > reach)] = np.inf
        order = np.lexsort((depth, np.round(away)))
        return int(self.indices[order[0]]) if np.isfinite(away[order[0]]) else None
