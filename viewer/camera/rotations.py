"""Convert camera rotations to yaw, pitch and roll relative to an up direction, and back."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def unit(vector: ArrayLike) -> Array:
    """Return a vector (3,) with length 1; raise ValueError for a zero vector."""
    array = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(array))
    if not math.isfinite(length) or length < 1e-12:
        raise ValueError("the vector has no direction")
    return array / length


def axis_angle(axis: ArrayLike, angle: float) -> Array:
    """Return the (3, 3) rotation by `angle` radians about `axis` (right-hand rule)."""
    x, y, z = unit(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * (cross @ cross)


def basis_of_up(up: ArrayLike) -> Array:
    """Return a right-handed (3, 3) basis. Its rows are two horizontal directions, the first near a world axis, and `up`."""
    vertical = unit(up)
    first = np.eye(3)[int(np.argmin(np.abs(vertical)))]
    first = unit(first - (first @ vertical) * vertical)
    return np.stack([first, np.cross(vertical, first), vertical])


def rotation_from_angles(yaw: float, pitch: float, roll: float, up: ArrayLike) -> Array:
    """Return the (3, 3) world to camera rotation (rows right, down, forward).

    Args:
        yaw: heading around `up`, radians, counted from the first row of `basis_of_up`.
        pitch: upward inclination of the optical axis, radians, -pi/2 to pi/2.
        roll: turn about the optical axis, radians; 0 shows `up` upwards, positive turns the camera clockwise.
        up: direction that is up in the world.
    """
    basis = basis_of_up(up)
    heading = math.cos(yaw) * basis[0] + math.sin(yaw) * basis[1]
    right = math.sin(yaw) * basis[0] - math.cos(yaw) * basis[1]
    forward = math.cos(pitch) * heading + math.sin(pitch) * basis[2]
    level = np.stack([right, np.cross(forward, right), forward])
    turn = np.array([[math.cos(roll), math.sin(roll), 0.0], [-math.sin(roll), math.cos(roll), 0.0], [0.0, 0.0, 1.0]])
    return turn @ level


def angles_from_rotation(rotation: Array, up: ArrayLike) -> tuple[float, float, float]:
    """Return (yaw, pitch, roll) of a world to camera rotation. Looking along `up`, roll is 0."""
    basis = basis_of_up(up)
    right, down, forward = (basis @ row for row in rotation)
    pitch = math.asin(min(max(forward[2], -1.0), 1.0))
    if math.hypot(forward[0], forward[1]) < 1e-6:
        heading = down * math.copysign(1.0, forward[2])
        return math.atan2(heading[1], heading[0]), math.copysign(math.pi / 2, forward[2]), 0.0
    yaw = math.atan2(forward[1], forward[0])
    return yaw, pitch, math.atan2(-right[2], -down[2])
