"""Rotations as unit quaternions (w, x, y, z) in Hamilton's convention, rotation matrices and rotation vectors.

SciPy has the same functions, but would be the largest package of the viewer. All functions take stacks of rotations, too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SMALL_ANGLE = 1e-8  # radians; sin(a) / a is 1 in float64 below


def quaternion_from_matrix(matrix: ArrayLike) -> Array:
    """Return the quaternion of the rotation that is closest to a matrix.

    It is the eigenvector of the largest eigenvalue of a symmetric matrix (Bar-Itzhack, "New method for extracting the
    quaternion from a rotation matrix", 2000), which is well-conditioned at every angle.

    Args:
        matrix: (..., 3, 3), a rotation up to rounding.

    Returns:
        (..., 4), of unit length, w not negative.
    """
    R = np.asarray(matrix, np.float64)
    N = np.empty((*R.shape[:-2], 4, 4))
    antisymmetric = R - np.swapaxes(R, -1, -2)
    trace = np.trace(R, axis1=-2, axis2=-1)[..., None, None]
    N[..., 1:, 1:] = R + np.swapaxes(R, -1, -2) - trace * np.eye(3)
    N[..., 0, 0] = trace[..., 0, 0]
    N[..., 0, 1:] = N[..., 1:, 0] = np.stack([antisymmetric[..., j, i] for i, j in ((1, 2), (2, 0), (0, 1))], axis=-1)
    quaternion: Array = np.linalg.eigh(N)[1][..., -1]
    return np.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_from_quaternion(quaternion: ArrayLike) -> Array:
    """Return the rotation matrix (..., 3, 3) of a quaternion (..., 4).

    Raises:
        ValueError: its length is zero or not finite.
    """
    q = np.asarray(quaternion, np.float64)
    largest = np.abs(q).max(axis=-1, keepdims=True)
    if not ((largest > 0) & np.isfinite(largest)).all():
        raise ValueError("a quaternion is zero or not finite")
    q = q / largest  # the squares of large numbers overflow, and those of small ones vanish
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion_from_vector(vector: ArrayLike) -> Array:
    """Return the quaternion (..., 4) of a rotation vector (..., 3): axis times angle in radians."""
    v = np.asarray(vector, np.float64)
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.concatenate([np.cos(angle / 2), v * (0.5 * np.sinc(angle / (2 * np.pi)))], axis=-1)


def vector_from_quaternion(quaternion: ArrayLike) -> Array:
    """Return the rotation vector (..., 3) of a unit quaternion (..., 4): axis times angle, 0 to pi radians."""
    q = np.asarray(quaternion, np.float64)
    q = np.where(q[..., :1] < 0, -q, q)  # q and -q are one rotation; this one takes the shorter way
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    scale = np.where(sine > _SMALL_ANGLE, angle / np.maximum(sine, _SMALL_ANGLE), 2.0)
    return np.asarray(q[..., 1:] * scale)


def multiply(first: ArrayLike, second: ArrayLike) -> Array:
    """Return the product of two quaternions (..., 4): the rotation that applies `second`, then `first`."""
    w1, x1, y1, z1 = np.moveaxis(np.asarray(first, np.float64), -1, 0)
    w2, x2, y2, z2 = np.moveaxis(np.asarray(second, np.float64), -1, 0)
    product = [
        w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
        w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
        w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
        w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
    ]
    return np.stack(product, axis=-1)


def inverse(quaternion: ArrayLike) -> Array:
    """Return the inverse of a unit quaternion (..., 4)."""
    return np.asarray(quaternion, np.float64) * (1, -1, -1, -1)
