"""Cameras whose poses a run refined, read from its checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.errors import InputError
from model.camera import Camera
from model.rotation import matrix_from_quaternion, quaternion_from_vector
from model.run.files import read_tensors

REFINEMENT = "cameras."
"""Prefix of the tensors in a checkpoint that hold what was learned about the cameras."""

CORRECTION_WIDTHS = (3, 3, 3, 3, 1)
"""Columns of each kind of correction: logarithms of gains, offsets of colors, turns, shifts, times."""


def rotation_matrix(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation matrix (3, 3) of a rotation vector (3,), radians."""
    return matrix_from_quaternion(quaternion_from_vector(turn))


def moved_cameras(cameras: Sequence[Camera], indices: list[int], turns: ArrayLike, shifts: ArrayLike) -> list[Camera]:
    """Return all cameras of a capture, those with the given indices turned about their centers and shifted.

    Args:
        cameras: the cameras.
        indices: which M of them moved.
        turns: (M, 3) rotation vectors in world axes, radians.
        shifts: (M, 3) movements of the centers, meters.
    """
    result = list(cameras)
    for index, turn, shift in zip(indices, np.asarray(turns, np.float64), np.asarray(shifts, np.float64), strict=True):
        R = cameras[index].R @ rotation_matrix(turn).T
        result[index] = dataclasses.replace(cameras[index], R=R, T=-R @ (cameras[index].center + shift))
    return result


def refined_cameras(path: Path, cameras: Sequence[Camera]) -> Sequence[Camera]:
    """Return a capture's cameras with the poses that a run learned; the same cameras if it learned none.

    Args:
        path: a checkpoint.
        cameras: the cameras of the run's scene.

    Raises:
        InputError: the checkpoint is damaged.
    """
    tensors = read_tensors(path, REFINEMENT)
    if not tensors:
        return cameras
    try:
        views = tensors["cameras"]
        start, scale, values = (tensors[name].astype(np.float64) for name in ("start", "scale", "values"))
    except KeyError as error:
        raise InputError(path, f"has no {REFINEMENT}{error.args[0]}") from error
    columns = sum(CORRECTION_WIDTHS)
    corrections = (start, scale, values)
    if views.ndim != 1 or any(t.shape != (len(views), columns) or not np.isfinite(t).all() for t in corrections):
        raise InputError(path, "has corrections of cameras with a wrong shape or that are not finite")
    if views.dtype != np.int64 or not all(0 <= view < len(cameras) for view in views.tolist()):
        raise InputError(path, "refines cameras that the scene does not have")
    _, _, turns, shifts, _ = np.split((start + scale * values).astype(np.float32), np.cumsum(CORRECTION_WIDTHS)[:-1], axis=1)
    posed = scale[:, sum(CORRECTION_WIDTHS[:2])] > 0
    return moved_cameras(cameras, views[posed].tolist(), turns[posed], shifts[posed])
