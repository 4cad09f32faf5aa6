"""Cameras whose poses a run refined, read from its checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from common.errors import InputError
from model.camera import Camera
from model.run.files import read_tensors

REFINEMENT = "cameras."
"""Prefix of the tensors in a checkpoint that were learned of the cameras."""

CORRECTION_WIDTHS = (3, 3, 3, 3, 1)
"""Columns of each kind of correction: logarithms of gains, offsets of colors, turns, shifts, times."""


def rotation_matrices(turns: torch.Tensor) -> torch.Tensor:
    """Return the rotation matrices (V, 3, 3) of rotation vectors (V, 3): the exponential of so(3), smooth at 0 too."""
    x, y, z = turns.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return torch.linalg.matrix_exp(cross.view(-1, 3, 3))


def moved_cameras(cameras: list[Camera], indices: list[int], turns: torch.Tensor, shifts: torch.Tensor) -> list[Camera]:
    """Return all cameras of a capture, those with the given indices turned about their centers and shifted.

    Args:
        cameras: the cameras.
        indices: which M of them moved.
        turns: (M, 3) rotation vectors in world axes, radians.
        shifts: (M, 3) movements of the centers, meters.
    """
    result = list(cameras)
    for index, turn, shift in zip(indices, rotation_matrices(turns.double()).numpy(), shifts.double().numpy(), strict=True):
        R = cameras[index].R @ turn.T
        result[index] = dataclasses.replace(cameras[index], R=R, T=-R @ (cameras[index].center + shift))
    return result


def refined_cameras(path: Path, cameras: list[Camera]) -> list[Camera]:
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
        start, scale, values = (tensors[name].double() for name in ("start", "scale", "values"))
    except KeyError as error:
        raise InputError(path, f"has no {REFINEMENT}{error.args[0]}") from error
    columns = sum(CORRECTION_WIDTHS)
    corrections = (start, scale, values)
    if views.dim() != 1 or any(t.shape != (len(views), columns) or not t.isfinite().all() for t in corrections):
        raise InputError(path, "has corrections of cameras with a wrong shape or that are not finite")
    if views.dtype != torch.int64 or not all(0 <= view < len(cameras) for view in views.tolist()):
        raise InputError(path, "refines cameras that the scene does not have")
    _, _, turns, shifts, _ = (start + scale * values).float().split(CORRECTION_WIDTHS, dim=1)
    posed = scale[:, sum(CORRECTION_WIDTHS[:2])] > 0
    return moved_cameras(cameras, views[posed].tolist(), turns[posed], shifts[posed])
