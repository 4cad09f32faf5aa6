"""Projections of an image other than a pinhole's: 360-degree panoramas, VR180, and stereo side by side.

A panorama or VR180 image is level: its middle row is the horizon, its middle column the camera's heading. Pitch and roll of the
camera are left out, because players turn such images with the viewer's head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.errors import InputError
from model.camera import Camera
from viewer import PROJECTIONS
from viewer.camera.rotations import angles_from_rotation, rotation_from_angles

Array = NDArray[np.float64]

DEFAULT_SIZES = {"equirectangular": (2048, 1024), "stereo": (1024, 512), "vr180": (2048, 1024)}
"""Default width and height of an image, both eyes included, pixels."""

EYE_DISTANCE = 0.063
"""Default distance between the eyes, meters: the mean of adults."""

NEAREST_CONVERGENCE = 10.0
"""The eyes of "stereo" converge at a distance of at least this many distances between them."""


@dataclass(frozen=True)
class Projection:
    """How directions become pixels, and what the two eyes see."""

    name: str = "perspective"
    """One of `viewer.PROJECTIONS`."""
    eye_distance: float = EYE_DISTANCE
    """Distance between the two eyes of "stereo" and "vr180", meters; 0 to 10."""

    def __post_init__(self) -> None:
        if self.name not in PROJECTIONS:
            raise InputError(f"projection {self.name}", "is unknown", f"choose one of {', '.join(PROJECTIONS)}")
        if not 0 <= self.eye_distance <= 10:  # also refuses NaN
            raise InputError(f"eye distance {self.eye_distance:g}", "must be 0 to 10 meters")

    @property
    def spherical(self) -> bool:
        """Whether pixels are evenly spaced in longitude and latitude."""
        return self.name in ("equirectangular", "vr180")

    @property
    def eyes(self) -> tuple[float, ...]:
        """Offsets of the eyes to the right of the camera, meters, from left to right in the image."""
        half = self.eye_distance / 2
        return (0.0,) if self.name in ("perspective", "equirectangular") else (-half, half)

    @property
    def span(self) -> float:
        """Angle that the width of one eye's spherical image covers, radians."""
        return 2 * math.pi if self.name == "equirectangular" else math.pi

    def check_size(self, width: int, height: int) -> None:
        """Raise InputError if an image, both eyes included, cannot have this size."""
        if self.spherical and width != 2 * height:
            raise InputError(f"size {width}x{height}", f"{self.name} images are twice as wide as high", "change --size")
        if self.name == "stereo" and width % 2:
            raise InputError(f"size {width}x{height}", "the width of a stereo image must be even", "change --size")

    def eye_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the image of one eye, pixels."""
        return width // len(self.eyes), height


def directions(width: int, height: int, span: float) -> Array:
    """Return the direction of every pixel of a spherical image in camera axes: x right, y down, z forward.

    Longitude runs from -span / 2 at the left border to span / 2 at the right one, latitude from 90 degrees at the upper border
    to -90 degrees at the lower one.

    Args:
        width, height: pixels.
        span: angle that the width covers, radians.

    Returns:
        (height, width, 3), unit.
    """
    longitude = ((np.arange(width) + 0.5) / width - 0.5) * span
    latitude = (0.5 - (np.arange(height) + 0.5) / height)[:, None] * math.pi
    across = np.cos(latitude)
    components = (across * np.sin(longitude), -np.sin(latitude), across * np.cos(longitude))
    return np.stack(np.broadcast_arrays(*components), axis=-1)


def level(camera: Camera, up: ArrayLike) -> Camera:
    """Return the camera without pitch and roll: at the same place, with the same heading."""
    yaw, _, _ = angles_from_rotation(camera.R, up)
    R = rotation_from_angles(yaw, 0.0, 0.0, up)
    return replace(camera, R=R, T=-R @ camera.center)


def moved_right(camera: Camera, offset: float) -> Camera:
    """Return the camera moved along its x axis by an offset in meters."""
    return replace(camera, T=camera.T - np.array([offset, 0.0, 0.0]))


def converging(camera: Camera, offset: float, target: ArrayLike, eye_distance: float) -> Camera:
    """Return the camera of one eye: moved right, its image shifted so that points as far away as a target stay where they were.

    The optical axes of both eyes stay parallel, so that nothing is displaced vertically.

    Args:
        camera: the view between the eyes.
        offset: of the eye to the right, meters.
        target: (3,) point in the world, meters. It counts as at least `NEAREST_CONVERGENCE` eye distances away.
        eye_distance: meters.
    """
    depth = float(camera.project(target)[1])
    depth = max(depth, NEAREST_CONVERGENCE * eye_distance)
    K = camera.K.copy()
    if depth > 0:  # 0 only where both eyes are at one place
        K[0, 2] += K[0, 0] * offset / depth
    return replace(moved_right(camera, offset), K=K)
