"""A camera with lens distortion, in plain arrays that hypotheses can change."""

from __future__ import annotations

from collections.abc import Sequence
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

    def affine(self, M: Floats, offset: Floats) -> Points:
        """Return the coordinates of ``M x + offset`` for all points x and k pairs of M and offset, (3, k, Z, ...).

        Along a ray, they are linear.

        Args:
            M, offset: (k, 3, 3) and (k, 3).
        """
        turned = np.matmul(M.astype(np.float32), self._flat).reshape(-1, 3, 2, *self.starts.shape[1:]).swapaxes(0, 1)
        turned[:, :, 0] += offset.T.astype(np.float32).reshape(3, -1, *[1] * (self.starts.ndim - 1))
        results = self.depths * turned[:, :, 1, None]
        results += turned[:, :, 0, None]
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

    @cached_property
    def lens(self) -> str:
        """Kind of the lens: "pinhole", "polynomial" or "fisheye"."""
        return "fisheye" if self.fisheye else "polynomial" if self.distorts else "pinhole"

    def project(self, points: Points | Rays, pixels: Floats | None = None) -> tuple[Points, Points, NDArray[np.bool_]]:
        """Project points.

        Args:
            points: three arrays of coordinates x, y and z, (3, ...), or points on rays.
            pixels: 3 x 3, converts homogeneous positions in pixels to other units; None keeps pixels.

        Returns:
            Columns and rows in pixels or these units, (...) each, and which points are in front of the camera and in the range
            of its distortion model.
        """
        columns, rows, front = project_together([self], points, [np.eye(3) if pixels is None else pixels])
        return columns[0], rows[0], front[0]

    @cached_property
    def nearest(self) -> float:
        """Depth below which a point counts as behind the camera, in the unit of the world."""
        return _NEAREST * max(float(np.linalg.norm(self.T)), 1e-12)

    @cached_property
    def coefficients(self) -> NDArray[np.float32]:
        """Coefficients of the lens, 4 of a fisheye or 8 of other lenses; missing ones are 0."""
        coefficients = np.zeros(4 if self.fisheye else 8, np.float32)
        coefficients[: len(self.D)] = self.D[: len(coefficients)]
        return coefficients

    @cached_property
    def reach(self) -> float:
        """The squared radius, in multiples of the depth, up to which the distortion model is used."""
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
            x, y = distorted(ideal[:, 0], ideal[:, 1], self.coefficients)
            missing = points - np.stack([x, y], axis=1)
            if np.abs(missing).max() < _UNDISTORTED:
                break
            ideal += missing.clip(-_MAX_STEP, _MAX_STEP)
        # Under a wrong hypothesis, a pixel may have no undistorted position.
        return np.where(np.abs(missing).max(axis=1, keepdims=True) < 1e-3, ideal, points).astype(np.float64)


def project_together(
    cameras: Sequence[CameraModel], points: Points | Rays, pixels: Sequence[Floats]
) -> tuple[Points, Points, NDArray[np.bool_]]:
    """Project points to k cameras of the same kind of lens: with few points, most of the time is NumPy's time per call.

    Args:
        cameras: the cameras.
        points: three arrays of coordinates x, y and z, (3, ...), or points on rays.
        pixels: 3 x 3 for each camera, converts homogeneous positions in pixels to other units.

    Returns:
        Columns and rows in these units, (k, ...) each, and which points are in front of each camera and in the range of its
        distortion model.
    """
    K = np.array([scale @ camera.K for scale, camera in zip(pixels, cameras, strict=True)])
    M, offset = np.array([camera.R for camera in cameras]), np.array([camera.T for camera in cameras])
    lens = cameras[0].lens
    if lens == "pinhole":
        M, offset = K @ M, (K @ offset[:, :, None])[:, :, 0]  # the last row of K is 0 0 1, so the depth stays the same
    x, y, depth = points.affine(M, offset) if isinstance(points, Rays) else _affine(M, offset, points)

    def of_cameras(*values: object) -> Points:
        """Return one number of each camera, shaped so that it is multiplied with the camera's points."""
        return np.array(values, dtype=np.float32).reshape(-1, *[1] * (x.ndim - 1))

    nearest = of_cameras(*(camera.nearest for camera in cameras))
    front = depth > nearest
    np.maximum(depth, nearest, out=depth)
    x /= depth
    y /= depth
    if lens == "pinhole":
        return x, y, front
    coefficients = [of_cameras(*values) for values in zip(*(camera.coefficients for camera in cameras), strict=True)]
    if lens == "polynomial":
        front &= x * x + y * y < of_cameras(*(camera.reach for camera in cameras))
    x, y = (distorted if lens == "polynomial" else distorted_fisheye)(x, y, coefficients)
    fx, skew, cx, fy, cy = (of_cameras(*K[:, row, column]) for row, column in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2)))
    return fx * x + skew * y + cx, fy * y + cy, front


def _affine(M: Floats, offset: Floats, points: Points) -> list[Points]:
    """Return the three coordinates of ``M x + offset``, (k, ...) each."""
    # Faster than a matrix product, which starts threads for such thin matrices. In place, because new arrays cost time.
    results = []
    by_row = M.astype(np.float32).transpose(1, 2, 0).reshape(3, 3, -1, *[1] * (points[0].ndim))
    for (a, b, c), d in zip(by_row, offset.T.astype(np.float32).reshape(by_row[:, 0].shape), strict=True):
        result = a * points[0]
        result += b * points[1]
        result += c * points[2]
        result += d
        results.append(result)
    return results


def distorted(x: Real, y: Real, coefficients: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> tuple[Real, Real]:
    """Apply OpenCV's lens distortion to positions on the plane at depth 1.

    Args:
        x, y: the positions, arrays of one shape.
        coefficients: k1, k2, p1, p2 and k3 to k6, numbers or arrays.
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = coefficients
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    if np.any(k4) or np.any(k5) or np.any(k6):
        radial = radial / (1 + square * (k4 + square * (k5 + square * k6)))
    cross = 2 * x * y
    return x * radial + p1 * cross + p2 * (square + 2 * x * x), y * radial + p1 * (square + 2 * y * y) + p2 * cross


def distorted_fisheye(x: Points, y: Points, coefficients: Sequence[NDArray[np.float32]]) -> tuple[Points, Points]:
    """Apply OpenCV's fisheye model to positions on the plane at depth 1; `coefficients` are k1 to k4, numbers or arrays."""
    radius = np.sqrt(x * x + y * y)
    angle = np.arctan(radius)
    square = angle * angle
    k1, k2, k3, k4 = coefficients
    bent = angle * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
    factor = np.where(radius > 1e-8, bent / np.maximum(radius, np.float32(1e-8)), np.float32(1))
    return x * factor, y * factor
