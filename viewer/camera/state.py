"""The camera's position, orientation and field of view as one immutable value."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.camera import Camera

Array = NDArray[np.float64]

MIN_DISTANCE, MAX_DISTANCE = 1e-3, 1e5
"""Smallest and largest distance of the camera from its target, meters."""

MIN_FIELD_OF_VIEW, MAX_FIELD_OF_VIEW = math.radians(1.0), math.radians(150.0)
"""Narrowest and widest vertical field of view."""


@dataclass(frozen=True, eq=False)
class CameraState:
    """A camera on a sphere around a target. It is never changed in place, so that histories can store it."""

    target: Array
    """(3,) point that the camera orbits, on the optical axis, meters."""
    distance: float
    """Distance from the camera to the target, meters."""
    rotation: Array
    """(3, 3) world to camera, OpenCV axes: rows are right, down, forward."""
    field_of_view: float = math.radians(45.0)
    """Vertical, radians, of the frame of shape `aspect`."""
    aspect: float | None = None
    """Width / height of the frame that always stays visible; None means the window's aspect."""
    principal: tuple[float, float] = (0.0, 0.0)
    """Offset of the principal point from the frame's center, in frame heights."""
    snapped: Camera | None = None
    """The capture camera it was snapped to, reproduced exactly until the next move."""

    @property
    def forward(self) -> Array:
        """(3,) unit vector along the optical axis, world."""
        return self.rotation[2]

    @property
    def right(self) -> Array:
        """(3,) unit vector to the image's right, world."""
        return self.rotation[0]

    @property
    def down(self) -> Array:
        """(3,) unit vector to the image's bottom, world."""
        return self.rotation[1]

    @property
    def eye(self) -> Array:
        """(3,) position of the camera, meters."""
        return self.target - self.distance * self.forward

    def replaced(self, **changes: object) -> CameraState:
        """Return the state with some fields replaced, no longer snapped to a capture camera."""
        return dataclasses.replace(self, snapped=None, **changes)  # type: ignore[arg-type]

    def from_eye(self, eye: ArrayLike) -> CameraState:
        """Return the state with the camera moved to `eye`. The rotation stays, and the target moves with the camera."""
        return self.replaced(target=np.asarray(eye, dtype=np.float64) + self.distance * self.forward)

    def focal(self, width: int, height: int) -> float:
        """Return the focal length in an image of this size, pixels."""
        return 0.5 * self._frame_height(width, height) / math.tan(0.5 * self.field_of_view)

    def to_camera(self, width: int, height: int) -> Camera:
        """Return the camera for an image of this size. A snapped capture camera is returned unchanged at its own size."""
        if self.snapped is not None:
            same = (width, height) == (self.snapped.width, self.snapped.height)
            return self.snapped if same else self.snapped.fitted(width, height)
        focal, frame_height = self.focal(width, height), self._frame_height(width, height)
        center = (width / 2 + self.principal[0] * frame_height, height / 2 + self.principal[1] * frame_height)
        K = np.array([[focal, 0.0, center[0]], [0.0, focal, center[1]], [0.0, 0.0, 1.0]])
        return Camera(width, height, K, self.rotation, -self.rotation @ self.eye)

    def _frame_height(self, width: int, height: int) -> float:
        return float(height) if self.aspect is None else min(width / self.aspect, float(height))


def state_from_camera(camera: Camera, target: ArrayLike) -> CameraState:
    """Create the state of `camera`. The orbit's target is the point of its optical axis nearest to `target`.

    A target behind the camera or very near it is moved to one meter in front of it. The state keeps the camera's focal length
    (the vertical one if they differ) and principal point. Until the next move it reproduces `camera` exactly.
    """
    u, _, vh = np.linalg.svd(camera.R)
    rotation = u @ vh  # the nearest rotation; files may hold rounded ones
    distance = float(rotation[2] @ (np.asarray(target, dtype=np.float64) - camera.center))
    distance = min(distance, MAX_DISTANCE) if distance > 0.01 else 1.0
    field_of_view = 2.0 * math.atan(0.5 * camera.height / camera.K[1, 1])
    return CameraState(
        target=camera.center + distance * rotation[2],
        distance=distance,
        rotation=rotation,
        field_of_view=min(max(field_of_view, MIN_FIELD_OF_VIEW), MAX_FIELD_OF_VIEW),
        aspect=camera.width / camera.height,
        principal=(
            float(camera.K[0, 2] - camera.width / 2) / camera.height,
            float(camera.K[1, 2] - camera.height / 2) / camera.height,
        ),
        snapped=camera,
    )
