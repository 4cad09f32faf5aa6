"""Cameras in the conventions of other programs, converted to `model.camera.Camera` (OpenCV axes, world to camera).

docs/conventions.md describes the convention of this project. The conventions of the others:

| program | axes of the camera | pose | intrinsics |
| --- | --- | --- | --- |
| COLMAP | x right, y down, z forward | world to camera: quaternion (w, x, y, z) and translation | pixels |
| NeRF (transforms.json) | x right, y up, z backward | camera to world, 4 x 4 | horizontal field of view |
| OpenGL | x right, y up, z backward | world to camera, 4 x 4 (the view matrix) | projection matrix |
| Blender | x right, y up, z backward | camera to world, 4 x 4 (`matrix_world`) | focal length and sensor in millimeters |
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from common.arguments import checked_number, checked_numbers
from common.errors import InputError
from model.camera import Array, Camera, as_floats, checked_size
from model.rotation import matrix_from_quaternion

OPENGL_AXES = np.diag([1.0, -1.0, -1.0])
"""Turns camera axes of OpenGL into ours, and back."""


def from_colmap(
    width: int, height: int, focal_length: ArrayLike, center: ArrayLike, quaternion: ArrayLike, translation: ArrayLike
) -> Camera:
    """Convert a camera of COLMAP, without lens distortion.

    Args:
        width, height: pixels.
        focal_length: one number, or f_x and f_y, pixels.
        center: c_x and c_y, pixels; the center of the top-left pixel is (0.5, 0.5), as here.
        quaternion: (w, x, y, z), world to camera. Its length does not matter.
        translation: world to camera, in the world's unit.

    Raises:
        InputError: the numbers do not describe a camera.
    """
    try:
        R = matrix_from_quaternion(_array(quaternion, (4,), "quaternion"))
    except ValueError as error:
        raise InputError("camera quaternion", "is zero or not finite") from error
    lengths = as_floats(focal_length, "camera focal length")
    if lengths.size not in (1, 2):
        raise InputError("camera focal length", "must be one number, or f_x and f_y")
    fx, fy = np.broadcast_to(lengths.ravel(), (2,))
    return Camera(
        width, height, intrinsics(fx, fy, *_array(center, (2,), "center")), R, _array(translation, (3,), "translation")
    )


def from_nerf(width: int, height: int, transform_matrix: ArrayLike, camera_angle_x: float) -> Camera:
    """Convert a frame of `transforms.json`, as NeRF's and Blender's synthetic scenes have it.

    Args:
        width, height: pixels.
        transform_matrix: 4 x 4, camera to world.
        camera_angle_x: horizontal field of view, radians.

    Raises:
        InputError: the numbers do not describe a camera.
    """
    width, height = checked_size((width, height), "camera size")
    angle = checked_number(camera_angle_x, "camera_angle_x", "an angle in radians")
    if not 0 < angle < np.pi:
        raise InputError("camera_angle_x", "must be above 0 and below pi radians")
    focal = 0.5 * width / float(np.tan(0.5 * angle))
    return _from_opengl_pose(width, height, intrinsics(focal, focal, width / 2, height / 2), transform_matrix)


def from_opengl(width: int, height: int, view_matrix: ArrayLike, projection_matrix: ArrayLike) -> Camera:
    """Convert OpenGL's two matrices, written in rows as in a textbook.

    Args:
        width, height: of the viewport, pixels.
        view_matrix: 4 x 4, world to camera.
        projection_matrix: 4 x 4, a perspective projection. It may be off center.

    Raises:
        InputError: the matrices do not describe a perspective camera.
    """
    width, height = checked_size((width, height), "camera size")
    P = _array(projection_matrix, (4, 4), "projection matrix")
    if not np.allclose(P[3], (0, 0, -1, 0)):
        remedy = "transpose it if it is stored in columns"
        raise InputError("projection matrix", "must be a perspective projection with the last row 0, 0, -1, 0", remedy)
    # The pixel of a point (x, y, -d) is ((P00 x / d - P02 + 1) width / 2, (1 - P11 y / d + P12) height / 2).
    K = intrinsics(P[0, 0] * width / 2, P[1, 1] * height / 2, (1 - P[0, 2]) * width / 2, (1 + P[1, 2]) * height / 2)
    view = _array(view_matrix, (4, 4), "view matrix")
    return Camera(width, height, K, OPENGL_AXES @ view[:3, :3], OPENGL_AXES @ view[:3, 3])


def from_blender(
    width: int,
    height: int,
    matrix_world: ArrayLike,
    focal_length: float,
    sensor_width: float = 36.0,
    shift: ArrayLike = (0.0, 0.0),
) -> Camera:
    """Convert a perspective camera of Blender with the sensor fit "Auto" and square pixels.

    Args:
        width, height: of the rendered image, pixels.
        matrix_world: 4 x 4, the camera object's `matrix_world`, without scale.
        focal_length: `camera.lens`, millimeters.
        sensor_width: `camera.sensor_width`, millimeters, along the longer side of the image.
        shift: `camera.shift_x` and `camera.shift_y`, in lengths of the longer side.

    Raises:
        InputError: the numbers do not describe a camera.
    """
    width, height = checked_size((width, height), "camera size")
    longer, sensor = max(width, height), checked_number(sensor_width, "camera sensor width", "a length in millimeters")
    if sensor <= 0:
        raise InputError("camera sensor width", "must be above 0")
    focal = checked_number(focal_length, "camera focal length", "a length in millimeters") / sensor * longer
    x, y = (longer * part for part in checked_numbers(shift, "camera shift", 2, "two numbers"))
    return _from_opengl_pose(width, height, intrinsics(focal, focal, width / 2 - x, height / 2 + y), matrix_world)


def _from_opengl_pose(width: int, height: int, K: Array, camera_to_world: ArrayLike) -> Camera:
    pose = _array(camera_to_world, (4, 4), "pose")
    R = OPENGL_AXES @ pose[:3, :3].T
    return Camera(width, height, K, R, -R @ pose[:3, 3])


def intrinsics(fx: float, fy: float, cx: float, cy: float) -> Array:
    """Return the 3 x 3 matrix K of focal lengths and center in pixels; raise InputError if a focal length is not above 0."""
    if not (fx > 0 and fy > 0):
        raise InputError("camera focal length", "must be above 0")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def _array(values: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    array = as_floats(values, f"camera {name}")
    if array.shape != shape:
        raise InputError(f"camera {name}", f"must have the shape {shape}, not {array.shape}")
    return array
