"""Create camera paths around a scene: orbit and spiral."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.box import box_corners
from model.camera import Camera
from viewer.camera.control import fitting_distance
from viewer.camera.rotations import basis_of_up, rotation_from_angles
from viewer.camera_path.path import CameraPath, Keyframe

KEYFRAMES_PER_TURN = 12
"""With this many keyframes the spline deviates from the circle by less than 0.1 % of its radius."""

ELEVATION = math.radians(10.0)
"""Angle of an orbit above the box's middle, radians."""


def orbit_camera(
    box: ArrayLike,
    up: ArrayLike,
    turn: float,
    width: int,
    height: int,
    elevation: float = ELEVATION,
    field_of_view: float = math.radians(45.0),
    distance_factor: float = 1.0,
) -> Camera:
    """Return the camera of an orbit at `turn` (0 to 1 is one round, counterclockwise seen from above), exactly on the circle.

    The box fits into the view from every side.

    Args:
        box: (2, 3) corners, meters.
        up: direction that is up in the world.
        turn: fraction of a full turn.
        width, height: pixels.
        elevation: angle of the camera above the box's middle, radians.
        field_of_view: vertical, radians.
        distance_factor: multiple of the distance at which the box fits into the view.
    """
    corners = np.asarray(box, dtype=np.float64)
    center = corners.mean(axis=0)
    distance = distance_factor * _orbit_distance(corners, up, elevation, field_of_view, width / height)
    rotation = rotation_from_angles(-math.pi / 2 + 2 * math.pi * turn, -elevation, 0.0, up)
    focal = 0.5 * height / math.tan(0.5 * field_of_view)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    eye = center - distance * rotation[2]
    return Camera(width, height, K, rotation, -rotation @ eye)


def orbit_path(
    box: ArrayLike, up: ArrayLike, seconds: float, frames: tuple[float, float], width: int, height: int
) -> CameraPath:
    """Create the keyframes of one round; arguments as for `spiral_path`."""
    return spiral_path(box, up, seconds, frames, width, height, 1.0, (ELEVATION, ELEVATION), (1.0, 1.0))


def spiral_path(
    box: ArrayLike,
    up: ArrayLike,
    seconds: float,
    frames: tuple[float, float],
    width: int,
    height: int,
    turns: float = 2.0,
    elevations: tuple[float, float] = (math.radians(-5.0), math.radians(50.0)),
    distances: tuple[float, float] = (1.0, 0.8),
) -> CameraPath:
    """Create the keyframes of a spiral: an orbit that rises and comes nearer.

    Args:
        box: (2, 3) corners, meters.
        up: direction that is up in the world.
        seconds: length.
        frames: first and last frame of the scene.
        width, height: pixels.
        turns: number of rounds.
        elevations: angles of the camera above the box's middle at start and end, radians.
        distances: `distance_factor` of `orbit_camera` at start and end.
    """
    keyframes = []
    for part in np.linspace(0.0, 1.0, max(2, math.ceil(abs(turns) * KEYFRAMES_PER_TURN) + 1)):
        elevation, distance, frame = (float(a + part * (b - a)) for a, b in (elevations, distances, frames))
        camera = orbit_camera(box, up, turns * part, width, height, elevation=elevation, distance_factor=distance)
        keyframes.append(Keyframe(float(part * seconds), frame, camera))
    return CameraPath(keyframes)


def _orbit_distance(box: NDArray[np.float64], up: ArrayLike, elevation: float, field_of_view: float, aspect: float) -> float:
    """Return the distance from the box's middle at which the box fits into the view from 72 sides, meters."""
    basis = basis_of_up(up)
    x, y, z = basis @ (box_corners(box) - box.mean(axis=0)).T
    headings = np.linspace(0, 2 * math.pi, 72, endpoint=False)[:, None]
    cosine, sine = np.cos(headings), np.sin(headings)
    # The box is turned instead of the camera, all sides at once: recordings ask for every frame.
    turned = np.stack([cosine * x + sine * y, cosine * y - sine * x, np.broadcast_to(z, (len(headings), len(z)))], axis=-1)
    half = math.tan(0.5 * field_of_view)
    return fitting_distance(turned.reshape(-1, 3) @ basis, rotation_from_angles(0.0, -elevation, 0.0, up), half * aspect, half)
