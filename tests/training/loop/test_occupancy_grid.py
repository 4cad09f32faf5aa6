"""The occupancy grid in training: cells of the hull with density."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from common.errors import InputError
from model.occupancy import pack_occupancy
from training.loop.assemble import _hull
from training.loop.checkpoint import FILE_NAME, load_occupancy_grids
from training.loop.occupancy_grid import find_occupied_cells

HULL = torch.ones(12, 12, 12, dtype=torch.bool)
HULL[:, :, 11] = False


def ball(points: torch.Tensor) -> torch.Tensor:
    return 100.0 * ((points - 0.5).norm(dim=1) < 0.2)


def find(hull: torch.Tensor = HULL, density: object = ball, step: float = 0.01) -> torch.Tensor:
    return find_occupied_cells(hull, density, step, torch.Generator().manual_seed(1))  # type: ignore[arg-type]


def centers() -> torch.Tensor:
    axis = (torch.arange(12) + 0.5) / 12
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)


def test_cells_of_the_ball_and_their_neighbors_are_occupied() -> None:
    live = find()
    distance = (centers() - 0.5).norm(dim=-1)
    assert live[distance < 0.2].all()
    assert not live[distance > 0.2 + 2.5 * 3**0.5 / 12].any()


def test_only_cells_of_the_hull_are_occupied() -> None:
    hull = HULL & (torch.rand(12, 12, 12) < 0.5)
    assert not (find(hull) & ~hull).any() and find(hull).any()


def test_faint_density_counts_by_the_step() -> None:
    faint = lambda points: torch.full((len(points),), 0.5)  # noqa: E731
    assert find(density=faint, step=0.1).equal(HULL)  # optical depth 0.05
    only_some = lambda points: torch.where(points[:, 0] < 0.5, 0.5, 50.0)  # noqa: E731
    assert not find(density=only_some, step=0.01)[:4].any()  # 0.005 is empty


def test_without_any_density_the_whole_hull_is_occupied() -> None:
    assert find(density=lambda points: torch.zeros(len(points))).equal(HULL)


@dataclass
class HullOfOneFrame:
    """A scene with only the part that an export needs."""

    cells: torch.Tensor | None

    def hull(self, _: int) -> torch.Tensor | None:
        """Return the hull."""
        return self.cells


def test_an_export_skips_the_cells_that_training_skipped() -> None:
    live = torch.rand(12, 12, 12) < 0.5
    scene: Any = HullOfOneFrame(HULL)
    kept = _hull(scene, 0, torch.from_numpy(pack_occupancy(live)))
    assert kept is not None and kept.equal(HULL & live)
    assert _hull(scene, 0, None) is HULL
    without: Any = HullOfOneFrame(None)
    assert _hull(without, 0, torch.from_numpy(pack_occupancy(live))) is None


@pytest.mark.parametrize(
    "bad", [torch.zeros(2, 215, dtype=torch.uint8), torch.zeros(1, 216, dtype=torch.uint8), torch.zeros(2, 216)]
)
def test_cells_that_do_not_fit_the_hulls_are_refused(tmp_path: Path, bad: torch.Tensor) -> None:
    hulls = torch.from_numpy(pack_occupancy(HULL)).repeat(2, 1)
    save_file({"live_cells": bad}, tmp_path / FILE_NAME)
    with pytest.raises(InputError, match="live_cells do not fit"):
        load_occupancy_grids(tmp_path, hulls)
    save_file({"live_cells": hulls}, tmp_path / FILE_NAME)
    found = load_occupancy_grids(tmp_path, hulls)
    assert found is not None and found.equal(hulls)
    assert load_occupancy_grids(tmp_path, None) is None
