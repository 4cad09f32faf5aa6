"""A pinhole camera in the OpenCV convention, and its JSON form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.arguments import checked_number, checked_numbers, shown
from common.documents import is_number, read_json
from common.errors import InputError

MAX_IMAGE_SIDE = 16384
"""Maximum number of pixels per side of an image. Larger sizes are refused before memory is allocated."""

_MIN_DEPTH = 1e-9  # meters; avoids a division by zero for points in the plane of the camera's center

MAX_DISTANCE = 1e9
"""Largest coordinate of a translation, meters. Squares of larger ones overflow in float32."""

MAX_PIXELS = 1e9
"""Largest entry of K. Products of larger ones overflow, and no lens is that long."""

Array = NDArray[np.float64]

_SHAPES: dict[str, tuple[int, ...]] = {"K": (3, 3), "R": (3, 3), "T": (3,)}
_IDENTITY = np.eye(3)
_K_ENTRIES = ("focal length fx", "skew", "center cx", "skew along y", "focal length fy", "center cy", *3 * ("last row",))
_FILE_SHAPES = {"K": ((3, 3), (9,)), "R": ((3, 3), (9,)), "T": ((3,), (3, 1), (1, 3))}


def checked_size(size: object, subject: str = "size") -> tuple[int, int]:
    """Return the width and height of an image; raise InputError unless they are whole numbers from 1 to `MAX_IMAGE_SIDE`.

    Args:
        size: what was passed, a sequence of two numbers of pixels.
        subject: its name, for messages.
    """
    width, height = checked_numbers(size, subject, 2, "width and height in pixels")
    if not all(side.is_integer() and 1 <= side <= MAX_IMAGE_SIDE for side in (width, height)):
        raise InputError(subject, f"must be 1 to {MAX_IMAGE_SIDE} whole pixels per side, not {width:.17g}x{height:.17g}")
    return int(width), int(height)


def as_floats(values: object, subject: str) -> Array:
    """Return numbers as an array; raise InputError if they are anything else."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(subject, f"must be an array of numbers, not {shown(values)}") from error


@dataclass(frozen=True, eq=False)
class Camera:
    """Image size, intrinsics and pose: ``x_cam = R x_world + T`` (x right, y down, z forward), pixel centers at +0.5."""

    width: int
    """Pixels along a row."""
    height: int
    """Rows."""
    K: Array
    """3 x 3 intrinsic matrix, pixels. A multiple of it, as decompositions of projections give, is divided by its last entry."""
    R: Array
    """3 x 3 rotation, world to camera."""
    T: Array
    """Translation, meters, 3 numbers."""

    def __post_init__(self) -> None:
        for name, shape in _SHAPES.items():
            value = as_floats(getattr(self, name), f"camera {name}")
            if value.size != math.prod(shape):
                raise InputError(f"camera {name}", f"must have shape {shape}")
            if not np.isfinite(value).all():
                raise InputError(f"camera {name}", "must be finite")
            object.__setattr__(self, name, value.reshape(shape))
        width, height = checked_size((self.width, self.height), "camera size")
        object.__setattr__(self, "width", width)
        object.__setattr__(self, "height", height)
        if np.abs(self.T).max() > MAX_DISTANCE:
            raise InputError("camera T", f"must be within {MAX_DISTANCE:g} meters")
        with np.errstate(all="ignore"):  # absurd numbers overflow and fail these checks
            if not 1e-12 <= abs(np.linalg.det(self.K)) < np.inf:
                raise InputError("camera K", "cannot be inverted")
            if np.abs(self.K).max() > MAX_PIXELS:
                entry = _K_ENTRIES[int(np.abs(self.K).argmax())]
                raise InputError("camera K", f"must be within {MAX_PIXELS:g} pixels; its {entry} is not")
            if self.K[2, 2] not in (0.0, 1.0) and not self.K[2, :2].any():
                object.__setattr__(self, "K", self.K / self.K[2, 2])
            deviation = np.abs(self.R @ self.R.T - _IDENTITY).max()  # NaN when the product overflows
            if not deviation <= 1e-3 or np.linalg.det(self.R) < 0:
                raise InputError("camera R", "is not a rotation")

    @property
    def center(self) -> Array:
        """Position of the camera in the world, meters, (3,)."""
        return -self.R.T @ self.T

    @property
    def inverse_K(self) -> Array:
        """K^-1, 3 x 3: a homogeneous pixel (x, y, 1) to the direction through it in camera axes, with z = 1."""
        return np.linalg.inv(self.K).astype(np.float64, copy=False)

    @property
    def pixel_to_world(self) -> Array:
        """R^T K^-1, 3 x 3: a homogeneous pixel (x, y, 1) to the direction through it in world axes, with depth 1."""
        return self.R.T @ self.inverse_K

    def project(self, points: ArrayLike) -> tuple[Array, Array]:
        """Project points of the world onto the image.

        Args:
            points: (..., 3), meters.

        Returns:
            Pixel positions x and y, (..., 2), where the center of the top-left pixel is (0.5, 0.5), and depths (...), meters
            along the optical axis. Positions mean nothing where the depth is not above 0.
        """
        local = np.asarray(points, dtype=np.float64) @ self.R.T + self.T
        homogeneous = local @ self.K.T
        return homogeneous[..., :2] / np.maximum(homogeneous[..., 2:], _MIN_DEPTH), local[..., 2]

    def rays(self, pixels: ArrayLike) -> tuple[Array, Array]:
        """Return the rays through pixel positions.

        Args:
            pixels: x and y, (..., 2), where the center of the top-left pixel is (0.5, 0.5).

        Returns:
            The rays' common origin (3,), meters, and their unit directions (..., 3) in world axes.
        """
        directions = self._local_directions(pixels) @ self.R
        return self.center, directions / np.linalg.norm(directions, axis=-1, keepdims=True)

    def unproject(self, pixels: ArrayLike, depth: ArrayLike) -> Array:
        """Return the points of the world that are seen at pixel positions; the inverse of `project`.

        Args:
            pixels: x and y, (..., 2), where the center of the top-left pixel is (0.5, 0.5).
            depth: meters along the optical axis, (...) or one number for all.

        Returns:
            (..., 3), meters.
        """
        local = self._local_directions(pixels)
        scale = np.asarray(depth, dtype=np.float64) / local[..., 2]
        return (local * scale[..., None] - self.T) @ self.R

    def _local_directions(self, pixels: ArrayLike) -> Array:
        positions = np.asarray(pixels, dtype=np.float64)
        return np.concatenate([positions, np.ones_like(positions[..., :1])], axis=-1) @ self.inverse_K.T

    def resized(self, width: int, height: int) -> Camera:
        """Return the same view in another resolution. Each axis of K is scaled by the ratio of the sizes."""
        width, height = checked_size((width, height), "camera size")
        scale = np.diag([width / self.width, height / self.height, 1.0])
        return Camera(width, height, scale @ self.K, self.R, self.T)

    def fitted(self, width: int, height: int) -> Camera:
        """Return the view in an image of another shape: everything stays visible, pixels stay square, the center stays."""
        width, height = checked_size((width, height), "camera size")
        scale = min(width / self.width, height / self.height)
        K = np.diag([scale, scale, 1.0]) @ self.K
        K[0, 2] += (width - scale * self.width) / 2
        K[1, 2] += (height - scale * self.height) / 2
        return Camera(width, height, K, self.R, self.T)

    @staticmethod
    def look_at(eye: ArrayLike, target: ArrayLike, up: ArrayLike, field_of_view: float, width: int, height: int) -> Camera:
        """Create a camera at `eye` that sees `target` in its center.

        Args:
            eye, target: positions in the world, meters.
            up: direction shown upwards. Another axis is used if it is parallel to the view.
            field_of_view: vertical, radians, above 0 and below pi.
            width, height: pixels.

        Raises:
            InputError: something is not three numbers, eye and target are one point, or an angle or size is out of range.
        """
        named = {"eye": eye, "target": target, "up": up}
        eye, target, up = (
            np.array(checked_numbers(value, f"camera {name}", 3, "three numbers")) for name, value in named.items()
        )
        width, height = checked_size((width, height), "camera size")
        angle = checked_number(field_of_view, "field of view", "an angle in radians")
        if not 0 < angle < np.pi:
            raise InputError(f"field of view {angle:g}", "must be above 0 and below pi radians")
        distance = float(np.linalg.norm(target - eye))
        if not 1e-12 < distance < np.inf:
            raise InputError("camera eye and target", "must be two points, at most 1e9 meters apart")
        forward = (target - eye) / distance
        right = np.cross(forward, up)
        if np.linalg.norm(right) < 1e-6:
            right = np.cross(forward, np.eye(3)[np.argmin(np.abs(forward))])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        focal = 0.5 * height / np.tan(0.5 * angle)
        K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
        return Camera(width, height, K, R, -R @ eye)

    def to_dict(self) -> dict[str, Any]:
        """Return the object of CAM.json: width, height, K, R, T."""
        return {
            "width": self.width,
            "height": self.height,
            "K": self.K.tolist(),
            "R": self.R.tolist(),
            "T": self.T.tolist(),
        }

    @staticmethod
    def from_dict(values: object, subject: str = "camera") -> Camera:
        """Read the object of CAM.json. The nine numbers of K and R may be one list, T may be a column or a row.

        Raises:
            InputError: a missing field, a wrong shape, a number that is not finite, a K that is transposed, has a focal
                length that is not above 0 or a skew above it, or an R that is not a rotation.
        """
        if not isinstance(values, dict):
            raise InputError(subject, "must be a JSON object with width, height, K, R, T")
        missing = [name for name in ("width", "height", "K", "R", "T") if name not in values]
        if missing:
            raise InputError(subject, f"has no {missing[0]}", "a camera has width, height, K, R, T")
        width, height = (_pixels(values[name], subject) for name in ("width", "height"))
        K, R, T = (_numbers(values[name], shapes, f"{subject}: {name}") for name, shapes in _FILE_SHAPES.items())
        try:
            camera = Camera(width, height, K, R, T)
        except InputError as error:
            raise InputError(subject, str(error)) from error
        if np.abs(K.reshape(3, 3)[2] - (0, 0, 1)).max() > 1e-6:
            raise InputError(subject, "camera K must have the last row 0, 0, 1", "transpose it if that is its last column")
        if not (camera.K[0, 0] > 0 and camera.K[1, 1] > 0):
            raise InputError(
                subject,
                "camera K has a focal length that is not above 0",
                "use OpenCV's camera axes: x right, y down, z forward",
            )
        if not (abs(camera.K[0, 1]) <= camera.K[0, 0] and abs(camera.K[1, 0]) <= camera.K[1, 1]):
            raise InputError(
                subject, "camera K has a skew above its focal length", "its rows are fx, skew, cx; 0, fy, cy; 0, 0, 1"
            )
        return camera


def _pixels(value: object, subject: str) -> int:
    if not is_number(value, 1, MAX_IMAGE_SIDE) or value != value // 1:
        raise InputError(subject, f"width and height must be whole numbers, 1 to {MAX_IMAGE_SIDE} (the size of the image)")
    return int(value)


def _numbers(values: object, shapes: tuple[tuple[int, ...], ...], subject: str) -> Array:
    """Convert plain JSON numbers of one of these shapes. NumPy alone would also accept texts and truth values."""
    shape: tuple[int, ...] = ()
    numbers = [values]
    while numbers and all(isinstance(value, list) for value in numbers) and len(shape) < 3:
        lengths = {len(value) for value in numbers}  # type: ignore[arg-type]
        shape += (max(lengths) if len(lengths) == 1 else -1,)
        numbers = [number for value in numbers for number in value]  # type: ignore[attr-defined]
    if shape not in shapes:
        raise InputError(subject, f"must be arrays of numbers of shape {' x '.join(map(str, shapes[0]))}")
    if not all(map(is_number, numbers)):
        raise InputError(subject, "must be arrays of numbers that are finite")
    return np.array(numbers, dtype=np.float64)


def load_camera(path: Path) -> Camera:
    """Read CAM.json; raise InputError as `read_json` and `Camera.from_dict` do."""
    return Camera.from_dict(read_json(path), str(path))
