"""Occupancy extraction and packing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.config import OccupancyConfig
from model.occupancy import pack_occupancy, packed_size, unpack_occupancy
from model.occupancy_extraction import cell_of, extract_occupancy, thin_occupancy


def test_packing_by_hand() -> None:
    occupancy = torch.zeros(2, 3, 4, dtype=torch.bool)
    occupancy[0, 0, 0] = occupancy[0, 0, 3] = occupancy[1, 0, 1] = True  # cells 0, 3 and 13
    assert pack_occupancy(occupancy).tolist() == [0b00001001, 0b00100000, 0]


def test_unpacking_inverts_packing_for_odd_sizes() -> None:
    resolution = (5, 3, 7)
    occupancy = torch.rand(4, *resolution) < 0.4
    packed = pack_occupancy(occupancy)
    assert packed.shape == (4, packed_size(resolution)) == (4, 14)
    assert np.array_equal(unpack_occupancy(packed, resolution), occupancy)


def test_cell_of_points_at_borders() -> None:
    points = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.34, 0.99], [1.0, 1.0, 1.0]])
    assert cell_of(points, (2, 3, 4)).tolist() == [0, (1 * 3 + 1) * 4 + 3, 23]


def test_a_thin_sheet_on_a_face_marks_both_neighbors() -> None:
    config = OccupancyConfig(resolution=(4, 2, 2), threshold=5.0, subgrid=5)
    occupancy = extract_occupancy(lambda p: 100.0 * (p[:, 0] == 0.5), config)
    assert occupancy[:, 0, 0].tolist() == [False, True, True, False]


def test_threshold_is_exclusive_and_chunks_do_not_matter() -> None:
    config = OccupancyConfig(resolution=(3, 4, 5), threshold=0.5, subgrid=3)
    assert not extract_occupancy(lambda p: torch.full((len(p),), 0.5), config).any()

    def bump(p: torch.Tensor) -> torch.Tensor:
        return 1 - 2 * (p - torch.tensor([0.2, 0.7, 0.9])).norm(dim=1)

    assert torch.equal(extract_occupancy(bump, config), extract_occupancy(bump, config, chunk=1))
    assert 0 < extract_occupancy(bump, config).sum() < 60


def test_single_subpoint_is_the_center() -> None:
    config = OccupancyConfig(resolution=(2, 1, 1), threshold=0.0, subgrid=1)
    seen: list[torch.Tensor] = []
    extract_occupancy(lambda p: seen.append(p) or torch.zeros(len(p)), config)  # type: ignore[func-returns-value]
    assert torch.cat(seen)[:, 0].tolist() == [0.25, 0.75]


@pytest.mark.parametrize("subgrid", [1, 2, 4])
def test_thinning_finds_the_cells_of_extraction_among_those_it_looks_at(subgrid: int) -> None:
    config = OccupancyConfig(resolution=(6, 5, 7), threshold=0.4, subgrid=subgrid)
    points_seen = 0

    def bump(p: torch.Tensor) -> torch.Tensor:
        nonlocal points_seen
        points_seen += len(p)
        return 1 - 2 * (p - torch.tensor([0.21, 0.73, 0.93])).norm(dim=1)

    extracted, everything = extract_occupancy(bump, config), torch.ones(6, 5, 7, dtype=torch.bool)
    assert torch.equal(thin_occupancy(bump, everything, config), extracted)
    some = torch.rand(6, 5, 7, generator=torch.Generator().manual_seed(1)) < 0.3
    points_seen = 0
    assert torch.equal(thin_occupancy(bump, some, config, chunk=100), extracted & some)
    assert points_seen == some.sum() * subgrid**3 and (extracted & some).any()
    assert not thin_occupancy(bump, torch.zeros_like(some), config).any()
