"""A camera with lens distortion, in plain arrays that hypotheses can change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Points = NDArray[np.float32]
Real = TypeVar("Real", NDArray[np.float32], NDArray[np.float64])

_NEAREST = 1e-3  # share of the distance between camera and origin below which a point counts as behind the camera
_UNDISTORTION_STEPS, _MAX_STEP = 40, 0.2
_UNDISTORTED = 1e-9  # error on the plane at depth 1 below which no further step is needed; rays are in single precision
_DISTORTION_REACH = 1.3  # multiples of the image's half diagonal up to which a distortion model is used


@dataclass(frozen=True, eq=False)
class Rays:
    """Points on rays: `starts` + `depths` * `directions`."""

    starts: Points
    """(3, ...), one point of each ray."""
    directions: Points
    """(3, ...), unit vectors."""
    depths: Points
    """(Z, ...), where the Z points of each ray are: distances from its start, in the unit of the world."""

    @property
    def points(self) -> Points:
        """All points, (3, Z, ...)."""
        return self.starts[:, None] + self.depths * self.directions[:, None]

    def affine(self, M: Floats, offset: Floats) -> list[Points]:
        """Return the three coordinates of ``M x + offset`` for all points x, (Z, ...) each. Along a ray, they are linear."""
        turned = (M.astype(np.float32) @ self._flat).reshape(3, 2, *self.starts.shape[1:])
        turned[:, 0] += offset.astype(np.float32).reshape(3, *[1] * (self.starts.ndim - 1))
        results = []
        for start, direction in turned:
            result = self.depths * direction
            result += start
            results.append(result)
        return results

    @cached_property
    def _flat(self) -> Points:
        return np.stack([self.starts, self.directions], axis=1).reshape(3, -1)


@dataclass(frozen=True, eq=False)
class CameraModel:
    """``x_cam = R x_world + T`` in OpenCV's axes, then distortion D, then K. Pixel centers are at +0.5."""

    width: int
    """Pixels along a row of the image file."""
    height: int
    """Rows of the image file."""
    K: Floats
    """3 x 3, pixels. Its diagonal may be negative: that is a mirrored image."""
    R: Floats
    """3 x 3, world to camera."""
    T: Floats
    """(3,), in the unit of the world."""
    D: Floats
    """Distortion k1, k2, p1, p2, k3 and so on, as OpenCV defines them; empty or zeros without distortion."""
    fisheye: bool = False
    """Whether `D` is of OpenCV's fisheye model."""

    @cached_property
    def center(self) -> Floats:
        """Position of the camera, (3,)."""
        return -self.R.T @ self.T

    @cached_property
    def _inverse(self) -> Floats:
        return np.linalg.inv(self.K).astype(np.float64)

    @cached_property
    def distorts(self) -> bool:
        """Whether the camera is not a pinhole camera."""
        return self.fisheye or bool(np.any(self.D))

    def project(self, points: Points | Rays, pixels: Floats | None = None) -> tuple[Points, Points, NDArray[np.bool_]]:
        """Project points.

        Args:
            points: three arrays of coordinates x, y and z, (3, ...), or points on rays.
            pixels: 3 x 3, converts homogeneous positions in pixels to other units; None keeps pixels.

        Returns:
            Columns and rows in pixels or these units, (...) each, and which points are in front of the camera and in the range
            of its distortion model.
        """
        K = self.K if pixels is None else pixels @ self.K
        M, offset = self.R, self.T
        if not self.distorts:
            M, offset = K @ M, K @ offset  # the last row of K is 0 0 1, so the depth stays the same
        x, y, depth = points.affine(M, offset) if isinstance(points, Rays) else _affine(M, offset, points)
        nearest = np.float32(_NEAREST * max(float(np.linalg.norm(self.T)), 1e-12))
        front = depth > nearest
        np.maximum(depth, nearest, out=depth)
        x /= depth
        y /= depth
        if not self.distorts:
            return x, y, front
        if not self.fisheye:
            front &= x * x + y * y < self._reach
        x, y = distorted_fisheye(x, y, self.D) if self.fisheye else distorted(x, y, self.D)
        fx, skew, cx, fy, cy = (np.float32(K[place]) for place in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2)))
        return fx * x + skew * y + cx, fy * y + cy, front

    @cached_property
    def _reach(self) -> float:
        """Return the squared radius, in multiples of the depth, up to which the distortion model is used."""
        corners = np.array([[0, 0], [self.width, 0], [0, self.height], [self.width, self.height]]) - self.K[:2, 2]
        return float(_DISTORTION_REACH**2 * ((corners / self.K.diagonal()[:2]) ** 2).sum(axis=1).max())

    def directions(self, pixels: Floats) -> Points:
        """Return unit directions in world axes, (N, 3), through pixel positions (N, 2)."""
        homogeneous = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
        local = homogeneous @ self._inverse.T
        if self.distorts and len(pixels):
            local[:, :2] = self._undistorted(local[:, :2])
        rays = local @ self.R
        return (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)

    def _undistorted(self, points: Floats) -> Floats:
        """Return positions on the plane at depth 1 without distortion, (N, 2)."""
        if self.fisheye:
            return cv2.fisheye.undistortPoints(points[:, None].copy(), np.eye(3), self.D)[:, 0].astype(np.float64)
        ideal = points.astype(np.float64)
        for _ in range(_UNDISTORTION_STEPS):  # OpenCV's function stops after five, which is too early for wide lenses
            x, y = distorted(ideal[:, 0], ideal[:, 1], self.D)
            missing = points - np.stack([x, y], axis=1)
            if np.abs(missing).max() < _UNDISTORTED:
                break
            ideal += missing.clip(-_MAX_STEP, _MAX_STEP)
        # Under a wrong hypothesis, a pixel may have no undistorted position.
        return np.where(np.abs(missing).max(axis=1, keepdims=True) < 1e-3, ideal, points).astype(np.float64)


def _affine(M: Floats, offset: Floats, points: Points) -> list[Points]:
    """Return the three coordinates of ``M x + offset``, (...) each."""
    # Faster than a matrix product, which starts threads for such thin matrices. In place, because new arrays cost time.
    results = []
    for (a, b, c), d in zip(M.astype(np.float32), offset.astype(np.float32), strict=True):
        result = a * points[0]
        result += b * points[1]
        result += c * points[2]
        result += d
        results.append(result)
    return results


def distorted(x: Real, y: Real, D: Floats) -> tuple[Real, Real]:
    """Apply OpenCV's lens distortion to positions on the plane at depth 1; D has 4, 5, 8 or 12 and more coefficients."""
    coefficients = np.zeros(8, np.float32)
    coefficients[: len(D)] = D[:8]
    k1, k2, p1, p2, k3, k4, k5, k6 = coefficients
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    if k4 or k5 or k6:
        radial = radial / (1 + square * (k4 + square * (k5 + square * k6)))
    cross = 2 * x * y
    return x * radial + p1 * cross + p2 * (square + 2 * x * x), y * radial + p1 * (square + 2 * y * y) + p2 * cross


def distorted_fisheye(x: Points, y: Points, D: Floats) -> tuple[Points, Points]:
    """Apply OpenCV's fisheye model, with coefficients k1 to k4, to positions on the plane at depth 1."""
    radius = np.sqrt(x * x + y * y)
    angle = np.arctan(radius)
    square = angle * angle
    k1, k2, k3, k4 = (np.float32(value) for value in D[:4])
    bent = angle * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
    factor = np.where(radius > 1e-8, bent / np.maximum(radius, np.float32(1e-8)), np.float32(1))
    return x * factor, y * factor
