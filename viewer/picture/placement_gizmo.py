"""Matrices of the gizmo that moves, turns and scales a placed video, and what the mouse does to the faces of its crop box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.camera import Camera
from model.placement import SCALES, Placement
from model.scene import Box

Array = NDArray[np.float64]

NEAR, FAR = 0.01, 1000.0
"""Clipping planes of the gizmo's projection, meters."""

ROTATION_STEP, SCALE_STEP = 15.0, 0.1
"""Steps of turns, degrees, and of scales while Ctrl is held."""

THINNEST = 1e-3
"""Shortest side of a crop box, meters."""


def view_matrix(camera: Camera) -> Array:
    """Return the OpenGL view matrix of a camera, (4, 4): from the world to x right, y up, z backward."""
    result = np.eye(4)
    flip = np.diag([1.0, -1.0, -1.0])
    result[:3, :3], result[:3, 3] = flip @ camera.R, flip @ camera.T
    return result


def projection_matrix(camera: Camera) -> Array:
    """Return the OpenGL projection matrix of a camera, (4, 4). It has the camera's focal lengths and principal point."""
    result = np.zeros((4, 4))
    result[0, 0], result[1, 1] = 2 * camera.K[0, 0] / camera.width, 2 * camera.K[1, 1] / camera.height
    result[0, 2], result[1, 2] = 1 - 2 * camera.K[0, 2] / camera.width, 2 * camera.K[1, 2] / camera.height - 1
    result[2, 2], result[2, 3] = -(FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)
    result[3, 2] = -1.0
    return result


def object_matrix(placement: Placement, pivot: ArrayLike) -> Array:
    """Return the (4, 4) matrix that the gizmo shows: the video's turn and scale, at the place of a point in the scene.

    Args:
        placement: of the video.
        pivot: (3,), the point of the video, meters in its own coordinates.
    """
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = placement.scale * placement.matrix, placement.to_scene(pivot)
    return result


def placement_of(matrix: ArrayLike, pivot: ArrayLike, before: Placement) -> Placement:
    """Return the placement that belongs to a matrix which the gizmo has changed; the inverse of `object_matrix`.

    The gizmo may have scaled one axis only. The video is scaled by the factor of the axis that changed most.

    Args:
        matrix: (4, 4), turned, moved and scaled, not skewed or mirrored.
        pivot: (3,), the point of the video that the matrix moves to its last column.
        before: the placement before the change. Its offset in time stays.
    """
    values = np.asarray(matrix, np.float64)
    lengths = np.maximum(np.linalg.norm(values[:3, :3], axis=0), 1e-9)
    changes = np.abs(np.log(lengths / before.scale))
    scale = min(max(float(lengths[np.argmax(changes)]), SCALES[0]), SCALES[1])
    first, _, last = np.linalg.svd(values[:3, :3] / lengths)
    rotation = Placement.angles_of(first @ last)
    turned = Placement(rotation=rotation, scale=scale)
    x, y, z = (values[:3, 3] - turned.to_scene(pivot)).tolist()
    return replace(before, position=(x, y, z), rotation=rotation, scale=scale)


def position_step(size: float) -> float:
    """Return the steps in which a video of this size moves while Ctrl is held, meters: 0.1 for a person.

    It is the number among ..., 0.1, 0.2, 0.5, 1, ... whose ratio to a twentieth of the size is closest to 1.

    Args:
        size: longest side of the video's box in the scene, meters, above 0.
    """
    exponent = np.floor(np.log10(size / 20))
    steps = np.array([1.0, 2.0, 5.0, 10.0]) * 10.0**exponent
    return float(steps[np.argmin(np.abs(np.log(steps * 20 / size)))])


def along_axis(camera: Camera, pixel: tuple[float, float], origin: ArrayLike, direction: ArrayLike) -> float | None:
    """Return the point of a line that is nearest to what the mouse points at, as a multiple of `direction` from `origin`.

    Args:
        camera: the view.
        pixel: x and y of the mouse, pixels.
        origin: (3,), a point of the line, meters.
        direction: (3,), of any length above 0.

    Returns:
        None if the mouse points along the line.
    """
    eye, ray = camera.rays(pixel)
    start, way = np.asarray(origin, np.float64), np.asarray(direction, np.float64)
    across = np.cross(ray, way)
    size = float(across @ across)
    if size < 1e-9 * float(way @ way):
        return None
    return float(np.cross(eye - start, ray) @ -across / size)


def face_centers(crop: Box) -> Array:
    """Return the centers of a box's faces, (2, 3, 3): those of the lower and of the upper faces along x, y and z."""
    corners = np.asarray(crop, np.float64)
    centers = np.broadcast_to(corners.mean(0), (2, 3, 3)).copy()
    for side in (0, 1):
        np.fill_diagonal(centers[side], corners[side])
    return centers


def with_face(crop: Box, side: int, axis: int, value: float) -> Box:
    """Return a box whose lower (`side` 0) or upper (1) face along an axis has moved to `value`, but not past the other one."""
    corners = [list(corner) for corner in crop]
    other = corners[1 - side][axis]
    corners[side][axis] = max(value, other + THINNEST) if side else min(value, other - THINNEST)
    low, high = ((x, y, z) for x, y, z in corners)
    return low, high
