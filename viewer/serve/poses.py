"""Convert between viser's cameras and ours. Both have OpenCV axes; viser's pose is camera to world."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from common.errors import InputError
from model.camera import Camera
from model.camera_conventions import from_colmap
from viewer.camera.state import Array, CameraState

MAX_PIXELS = 2560 * 1440
"""Most pixels of an image that is sent to a browser; larger canvases get coarser images."""

MAX_CANVAS = 16384
"""Most pixels of a canvas along each side."""


@dataclass(frozen=True)
class ViserPose:
    """A view as viser's camera controls hold it."""

    position: Array
    """(3,) meters."""
    look_at: Array
    """(3,) point that the camera orbits, meters."""
    up: Array
    """(3,) unit vector that points up while orbiting."""
    field_of_view: float
    """Vertical, radians."""


def camera_from_viser(wxyz: ArrayLike, position: ArrayLike, field_of_view: float, size: tuple[int, int]) -> Camera:
    """Return the camera of a browser's canvas.

    Args:
        wxyz: quaternion, camera to world.
        position: of the camera, (3,) meters.
        field_of_view: vertical, radians.
        size: width and height of the canvas in pixels; the camera's are smaller if that is too large.

    Raises:
        InputError: the browser sent numbers that are not a camera.
    """
    if not 0 < field_of_view < math.pi:
        raise InputError("camera of the browser", "has no field of view")
    width, height = canvas_size(*size)
    focal = 0.5 * height / math.tan(0.5 * field_of_view)
    turn = np.asarray(wxyz, np.float64) * (1, -1, -1, -1) if np.size(wxyz) == 4 else wxyz  # world to camera
    camera = from_colmap(width, height, focal, (0.5 * width, 0.5 * height), turn, (0, 0, 0))
    place = np.asarray(position, np.float64)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise InputError("camera of the browser", "has no position")
    return replace(camera, T=-camera.R @ place)


def canvas_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of the images for a canvas, at most `MAX_PIXELS` in its shape.

    Raises:
        InputError: it has no pixels, or more than `MAX_CANVAS` along a side.
    """
    if not (1 <= width <= MAX_CANVAS and 1 <= height <= MAX_CANVAS):
        raise InputError(f"canvas of {width}x{height} pixels", "cannot be rendered")
    scale = min(1.0, math.sqrt(MAX_PIXELS / (width * height)))
    return max(1, round(width * scale)), max(1, round(height * scale))


def pose_of(state: CameraState, up: Array, width: int, height: int) -> ViserPose:
    """Return the view of a camera state in a canvas of this size.

    The horizon stays level while the user orbits: `up` is the world's, turned as little as the camera's roll needs.
    """
    across = state.right
    level = up - (up @ across) * across
    length = float(np.linalg.norm(level))
    upright = length > 0.05 and level @ -state.down > 0
    field_of_view = 2 * math.atan(0.5 * height / state.to_camera(width, height).K[1, 1])
    return ViserPose(state.eye, state.target, level / length if upright else -state.down, field_of_view)


def same_view(first: Camera, second: Camera) -> bool:
    """Return whether two cameras stand in the same place and look the same way, to what a browser's rounding leaves."""
    distance = float(np.linalg.norm(first.center - second.center))
    return bool(np.abs(first.R - second.R).max() < 2e-3 and distance < 2e-3 * (1 + float(np.abs(second.center).max())))
