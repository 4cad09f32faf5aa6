"""Where and when a video stands in a scene: a similarity transform and an offset in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.errors import InputError
from model.camera import Camera

Array = NDArray[np.float64]

SCALES = (0.001, 1000.0)
"""Smallest and largest scale of a placed video."""


@dataclass(frozen=True)
class Placement:
    """The transform x_scene = scale * rotation * x_video + position, and an offset in time."""

    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the origin of the video is in the scene, meters."""
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Turns about the scene's x, y and z axes in this order, degrees."""
    scale: float = 1.0
    """Size in the scene over size in the video. The opacity does not depend on it."""
    time_offset: float = 0.0
    """Time of the scene at which the video begins, seconds. It is still before that, and after its end."""

    def __post_init__(self) -> None:
        if not np.isfinite([*self.position, *self.rotation, self.time_offset]).all():
            raise InputError("placement", "must have finite numbers")
        if not SCALES[0] <= self.scale <= SCALES[1]:
            raise InputError("scale", f"must be {SCALES[0]:g} to {SCALES[1]:g}, not {self.scale:g}")

    @staticmethod
    def angles_of(matrix: ArrayLike) -> tuple[float, float, float]:
        """Return the `rotation` whose `matrix` this is: turns about x, y and z in this order, degrees.

        The turn about y is -90 to 90. Where it is one of these, that about z is 0.

        Args:
            matrix: (3, 3), a rotation.
        """
        turn = np.asarray(matrix, np.float64)
        across = float(np.hypot(turn[0, 0], turn[1, 0]))
        about_y = np.arctan2(-turn[2, 0], across)
        if across > 1e-6:
            about_x, about_z = np.arctan2(turn[2, 1], turn[2, 2]), np.arctan2(turn[1, 0], turn[0, 0])
        else:
            about_x, about_z = np.arctan2(-turn[1, 2], turn[1, 1]), 0.0
        first, second, third = np.degrees([about_x, about_y, about_z]).tolist()
        return first, second, third

    @property
    def matrix(self) -> Array:
        """The rotation, 3 x 3."""
        result = np.eye(3)
        for axis, degrees in enumerate(self.rotation):
            first, second = (axis + 1) % 3, (axis + 2) % 3
            turn, angle = np.eye(3), np.radians(degrees)
            turn[[first, second], [first, second]] = np.cos(angle)
            turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
            result = turn @ result
        return result

    def to_scene(self, points: ArrayLike) -> Array:
        """Transform (..., 3) points of the video into the scene, meters."""
        moved: Array = self.scale * np.asarray(points, np.float64) @ self.matrix.T + np.asarray(self.position)
        return moved

    def camera_in_video(self, camera: Camera) -> Camera:
        """Return the camera that sees the video as `camera` sees it in the scene.

        Depths that it sees are those of the scene divided by `scale`.
        """
        T = (camera.R @ np.asarray(self.position) + camera.T) / self.scale
        return Camera(camera.width, camera.height, camera.K, camera.R @ self.matrix, T)

    def camera_in_scene(self, camera: Camera) -> Camera:
        """Return the camera that sees the scene as `camera` sees the video; the inverse of `camera_in_video`."""
        R = camera.R @ self.matrix.T
        return Camera(camera.width, camera.height, camera.K, R, self.scale * camera.T - R @ np.asarray(self.position))
