"""Figures of the cameras of a capture: distances, fields of view, angles between neighbors, what they see of the box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.box import box_corners
from model.camera import Camera


@dataclass(frozen=True)
class CameraFigures:
    """Figures of one camera."""

    size: tuple[int, int]
    """Width and height of its images, pixels."""
    field_of_view: float
    """Horizontal field of view, degrees."""
    distance: float
    """Distance to the middle of the box, meters."""
    neighbor_angle: float
    """Angle to the nearest other camera, seen from the middle of the box, degrees; NaN with one camera."""
    corners: int
    """Number of the box's eight corners that it sees."""
    sees_middle: bool
    """Whether it sees the middle of the box."""
    pixel: float
    """Size of a pixel at the middle of the box, millimeters."""


def camera_figures(cameras: Sequence[Camera], box: NDArray[np.floating[Any]]) -> list[CameraFigures]:
    """Return the figures of all cameras.

    Args:
        cameras: the cameras.
        box: (2, 3) box around the subject, meters.
    """
    middle = np.asarray(box, np.float64).mean(axis=0)
    offsets = np.stack([camera.center for camera in cameras]) - middle
    directions = offsets / np.maximum(np.linalg.norm(offsets, axis=1, keepdims=True), 1e-12)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.max(axis=1)
    return [_figures(c, box, float(np.linalg.norm(o)), float(n)) for c, o, n in zip(cameras, offsets, nearest, strict=True)]


def _figures(camera: Camera, box: NDArray[np.floating[Any]], distance: float, cosine: float) -> CameraFigures:
    focal = float(camera.K[0, 0])
    corners = box_corners(box)
    pixels, depth = camera.project(np.concatenate([corners, corners.mean(axis=0, keepdims=True)]))
    *inside, middle = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels <= [camera.width, camera.height]).all(axis=1)
    angle = math.degrees(math.acos(min(1.0, max(-1.0, cosine)))) if math.isfinite(cosine) else math.nan
    field_of_view = math.degrees(2 * math.atan(camera.width / 2 / focal))
    size = camera.width, camera.height
    return CameraFigures(size, field_of_view, distance, angle, int(sum(inside)), bool(middle), 1000 * distance / focal)


def suspicions(figures: CameraFigures) -> list[str]:
    """Return what is unusual about a camera, one sentence each."""
    found = []
    if not figures.sees_middle:
        found.append("It does not see the middle of the box: its pose or its field of view may be wrong.")
    if not 3 <= figures.field_of_view <= 150:
        found.append("Its field of view is unusual: K may belong to another image size.")
    if figures.neighbor_angle < 0.1:
        found.append("Another camera is in the same direction: one of them may be a copy.")
    return found
