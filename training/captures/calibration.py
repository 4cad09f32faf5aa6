"""Turn calibrations of any convention into cameras of this program: meters, OpenCV's axes, pixel centers at +0.5."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.camera import Camera
from training.captures.description import Array, Conventions, RawCamera
from training.captures.images import Optics, Undistortion
from training.captures.meta import CameraMeta, CaptureMeta

_COEFFICIENTS = (4, 5, 8, 12, 14)  # numbers of coefficients that OpenCV's model can have

_SAME_SHAPE = 0.005  # relative difference of aspect ratios that rounding of sizes can cause


def conventions_of(layout: Conventions, meta: CaptureMeta) -> Conventions:
    """Return the conventions of a capture: those of its layout, with what meta.yaml overrides."""
    vertex_units = meta.units if meta.units is not None else layout.vertex_units_per_meter
    units = layout.units_per_meter
    if meta.units is not None and layout.units_per_meter == layout.vertex_units_per_meter:
        units = meta.units
    given: dict[str, Any] = {
        "pose": meta.pose,
        "axes": meta.axes,
        "pixel_center": meta.pixel_center,
        "up_axis": meta.up_axis if meta.up_axis is not None or meta.transform is None else "z",
        "fps": meta.fps,
        "units_per_meter": meta.camera_units if meta.camera_units is not None else units,
        "vertex_units_per_meter": vertex_units,
    }
    return dataclasses.replace(layout, **{key: value for key, value in given.items() if value is not None})


@dataclasses.dataclass(frozen=True, eq=False)
class Similarity:
    """Rotation, scale and shift of the world: ``x' = scale * rotation @ x + shift``."""

    rotation: Array
    """3 x 3."""
    scale: float
    """Above 0."""
    shift: Array
    """(3,) meters."""

    @staticmethod
    def of_matrix(matrix: Array, path: Path) -> Similarity:
        """Split a 4 x 4 matrix into its parts; raise InputError, which names the file, when it is not a similarity."""
        linear = matrix[:3, :3]
        determinant = float(np.linalg.det(linear))
        scale = abs(determinant) ** (1 / 3)
        if not 1e-9 < scale < 1e9 or not np.array_equal(matrix[3], [0, 0, 0, 1]):
            raise InputError(path, "transform must be a 4 x 4 matrix with the last row 0, 0, 0, 1")
        if determinant < 0 or not np.allclose(linear @ linear.T, scale**2 * np.eye(3), atol=1e-3 * scale**2):
            raise InputError(path, "transform must be a rotation, a scale and a shift, without mirroring or shear")
        return Similarity(linear / scale, scale, matrix[:3, 3])

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return transformed points, (..., 3)."""
        return self.scale * points @ self.rotation.T + self.shift

    def pose(self, R: Array, T: Array) -> tuple[Array, Array]:
        """Return the pose of a camera, R (3, 3) and T (3,) from world to camera, in the transformed world."""
        rotation = R @ self.rotation.T
        return rotation, self.scale * T - rotation @ self.shift


def calibrate(
    raw: RawCamera, size: tuple[int, int], conventions: Conventions, meta: CameraMeta, transform: Similarity | None
) -> tuple[Camera, Optics]:
    """Return a camera for images of a size, and what its images need.

    Args:
        raw: the camera as the files describe it.
        size: width and height of its images.
        conventions: what its numbers mean.
        meta: its settings in meta.yaml.
        transform: of the world, applied after conversion to meters.

    Raises:
        InputError: a matrix is wrong, or images have another shape than the calibration.
    """
    to_corner = np.array([[0, 0, 0.5 - conventions.pixel_center], [0, 0, 0.5 - conventions.pixel_center], [0, 0, 0]])
    K = (raw.K if meta.K is None else np.array(meta.K)) + to_corner
    K = _fitted(K, raw, size, meta)
    R, T = _pose(raw, conventions, meta, transform)
    camera = Camera(*size, K, R, T)
    D, fisheye = _lens(raw, meta)
    center = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    return camera, Optics(Undistortion(camera.K - center, D, fisheye), calibrated_size(raw, meta), meta.flip)


def calibrated_size(raw: RawCamera, meta: CameraMeta) -> tuple[int, int] | None:
    """Return the size of the images that were calibrated, if it is known."""
    return meta.size if meta.size is not None else raw.size


def _lens(raw: RawCamera, meta: CameraMeta) -> tuple[Array, bool]:
    D = (raw.D if meta.D is None else np.array(meta.D)).reshape(-1)
    if meta.lens == "none":
        return np.zeros(5), False
    fisheye = raw.fisheye if meta.lens == "calibrated" else meta.lens == "fisheye"
    if not np.isfinite(D).all():
        raise InputError("distortion", "must be finite")
    if fisheye and D.size > 4 and not D[4:].any():
        D = D[:4]
    if D.size not in ((4,) if fisheye else _COEFFICIENTS):
        raise InputError("distortion", f"must have {'4' if fisheye else '4 or 5'} coefficients, not {D.size}")
    return D.astype(np.float64), fisheye


def _pose(raw: RawCamera, conventions: Conventions, meta: CameraMeta, transform: Similarity | None) -> tuple[Array, Array]:
    if meta.R is not None and meta.T is not None:
        return np.array(meta.R), np.array(meta.T)
    if raw.R.size != 9 or raw.T.size != 3:
        raise InputError("pose", "must have a 3 x 3 rotation and 3 numbers of translation")
    translation = raw.T.reshape(3) / conventions.units_per_meter
    R, T = world_to_camera(raw.R.reshape(3, 3), translation, conventions.pose, conventions.axes)
    R, T = (R, T) if transform is None else transform.pose(R, T)
    return (R if meta.R is None else np.array(meta.R)), (T if meta.T is None else np.array(meta.T))


def world_to_camera(R: Array, T: Array, pose: str, axes: str) -> tuple[Array, Array]:
    """Return rotation and translation from the world to the camera in OpenCV's axes.

    Args:
        R, T: what a file has.
        pose: one of `POSES`.
        axes: one of `AXES`.
    """
    if pose in ("camera_to_world", "transposed_rotation"):
        R = R.T
    is_center = pose in ("camera_to_world", "camera_center")
    T = -R @ T if is_center else T
    turn = np.array([1.0, -1.0, -1.0])
    if axes != "opencv":
        R = turn[:, None] * R
    return R, turn * T if axes == "opengl" or (axes == "opengl_rotation" and is_center) else T


def _fitted(K: Array, raw: RawCamera, size: tuple[int, int], meta: CameraMeta) -> Array:
    """Return K for images of another size than the calibration's."""
    calibrated = calibrated_size(raw, meta)
    if calibrated is None or calibrated == size or meta.fit == "same":
        return K
    if isinstance(meta.fit, tuple) or meta.fit == "crop":
        cut = meta.fit if isinstance(meta.fit, tuple) else tuple((a - b) / 2 for a, b in zip(calibrated, size, strict=True))
        return K - np.array([[0, 0, cut[0]], [0, 0, cut[1]], [0, 0, 0]])
    scale = np.array(size) / calibrated
    if meta.fit is None and abs(scale[0] / scale[1] - 1) > _SAME_SHAPE + 0.5 / min(size):
        shown = "x".join(map(str, size)), "x".join(map(str, calibrated))
        remedy = "add all_cameras: {fit: crop} (or scale, or [columns, rows] cut off) to meta.yaml"
        raise InputError("size", f"of its images is {shown[0]}, but the calibration is for {shown[1]}", remedy)
    return np.diag([*scale, 1.0]) @ K
