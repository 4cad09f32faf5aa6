"""Refined cameras of a checkpoint, by hand, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from common.errors import InputError
from model.camera import Camera
from model.run.cameras import moved_cameras, refined_cameras

CAMERAS = [
    Camera.look_at(np.array(eye), np.zeros(3), (0, 0, 1), 0.6, 32, 32) for eye in ((3.0, 0, 0), (0, 3.0, 0), (-3.0, 0, 0))
]


def corrections() -> dict[str, torch.Tensor]:
    """Return those of cameras 0 and 2, of which only the latter is refined: a quarter turn about z, and 0.5 m along y."""
    start, scale, values = (torch.zeros(2, 13, dtype=torch.float64) for _ in range(3))
    scale[1, 6:12] = 0.25
    values[1, 8], values[1, 10] = 2 * np.pi, 2.0
    values[0, 8] = 9.0  # not learned, scale 0
    return {"cameras": torch.tensor([0, 2]), "start": start, "scale": scale, "values": values}


def written(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file({f"cameras.{name}": value for name, value in tensors.items()}, path)
    return path


def test_a_turned_and_shifted_camera_by_hand(tmp_path: Path) -> None:
    first, second, third = refined_cameras(written(tmp_path / "a", corrections()), CAMERAS)
    assert first is CAMERAS[0] and second is CAMERAS[1]
    np.testing.assert_allclose(third.center, [-3, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(third.R[2], [0, 1, 0], atol=1e-6)  # it looked along x, a quarter turn later along y


def test_nothing_moves_without_corrections(tmp_path: Path) -> None:
    save_file({"latents": torch.zeros(1)}, tmp_path / "a")
    assert refined_cameras(tmp_path / "a", CAMERAS) is CAMERAS
    assert moved_cameras(CAMERAS, [], torch.zeros(0, 3), torch.zeros(0, 3)) == CAMERAS


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("cameras", torch.tensor([0, 3]), "does not have"),
        ("cameras", torch.tensor([-1, 0]), "does not have"),
        ("cameras", torch.tensor([0.0, 1.0]), "does not have"),
        ("values", torch.full((2, 13), torch.nan), "not finite"),
        ("scale", torch.zeros(2, 12), "wrong shape"),
        ("start", None, "has no cameras.start"),
    ],
)
def test_damaged_corrections_are_refused(tmp_path: Path, name: str, value: torch.Tensor | None, fault: str) -> None:
    tensors = corrections() | ({} if value is None else {name: value})
    if value is None:
        del tensors[name]
    with pytest.raises(InputError, match=fault):
        refined_cameras(written(tmp_path / "a", tensors), CAMERAS)
