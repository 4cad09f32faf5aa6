"""Find the occupied cells of a frame from its density."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from model.config import OccupancyConfig

Density = Callable[[torch.Tensor], torch.Tensor]
"""(P, 3) points in [0, 1]^3 to (P,) densities, 1/m."""


def cell_of(points: torch.Tensor, resolution: Sequence[int]) -> torch.Tensor:
    """Return the flat cell index (int64) of points (P, 3) in [0, 1]^3."""
    x, y, z = ((points[:, axis] * count).int().clamp(0, count - 1) for axis, count in enumerate(resolution))
    return (x.long() * resolution[1] + y) * resolution[2] + z


def within(cells: torch.Tensor, density: Density) -> Density:
    """Return a density that is 0 outside the given cells, (X, Y, Z) bool, and is not evaluated there."""

    def restricted(points: torch.Tensor) -> torch.Tensor:
        sigma = torch.zeros(len(points))
        inside = cells.flatten()[cell_of(points, cells.shape)].nonzero()[:, 0]
        if len(inside):
            sigma[inside] = density(points[inside])
        return sigma

    return restricted


@torch.no_grad()
def extract_occupancy(density: Density, config: OccupancyConfig, chunk: int = 1 << 17) -> torch.Tensor:
    """Mark the cells in which the density of any sub-point is above tau1.

    Each cell has `subgrid`^3 sub-points, end points included, so those on its faces are shared with its neighbors. A
    subgrid of 1 is the cell's center.

    Args:
        density: the frame's density.
        config: resolution, threshold tau1, subgrid.
        chunk: points evaluated at once.

    Returns:
        (X, Y, Z) bool.
    """
    axes = [_lattice(cells, config.subgrid) for cells in config.resolution]
    values = torch.empty([len(axis) for axis in axes])
    rows = max(1, chunk // (len(axes[1]) * len(axes[2])))
    for start in range(0, len(axes[0]), rows):
        slab = torch.stack(torch.meshgrid(axes[0][start : start + rows], axes[1], axes[2], indexing="ij"), dim=-1)
        values[start : start + rows] = density(slab.view(-1, 3)).view(slab.shape[:3])
    stride = max(config.subgrid - 1, 1)
    largest = functional.max_pool3d(values[None, None], config.subgrid, stride)[0, 0]
    return largest > config.threshold


@torch.no_grad()
def thin_occupancy(density: Density, occupied: torch.Tensor, config: OccupancyConfig, chunk: int = 1 << 16) -> torch.Tensor:
    """Keep those of some cells that `extract_occupancy` would mark, without evaluating density in the others.

    Sub-points on a face are evaluated for both of its cells: with more than about half of the cells occupied,
    `extract_occupancy` is faster.

    Args:
        density: the frame's density.
        occupied: (X, Y, Z) bool, the cells to evaluate.
        config: threshold tau1, subgrid.
        chunk: points evaluated at once.

    Returns:
        (X, Y, Z) bool.
    """
    steps = _lattice(1, config.subgrid)
    inside = torch.cartesian_prod(steps, steps, steps).view(-1, 3)
    cells, counts = occupied.nonzero(), torch.tensor(occupied.shape)
    result = torch.zeros_like(occupied)
    for part in cells.split(max(1, chunk // len(inside))):
        points = ((part[:, None] + inside) / counts).reshape(-1, 3)
        dense = part[(density(points).view(len(part), len(inside)) > config.threshold).any(dim=1)]
        result[tuple(dense.T)] = True
    return result


def _lattice(cells: int, subgrid: int) -> torch.Tensor:
    if subgrid == 1:
        return (torch.arange(cells) + 0.5) / cells
    return torch.linspace(0, 1, cells * (subgrid - 1) + 1)
