"""Occupancy grids during training: empty cells of the hull, soon the majority, are skipped when sampling."""

from __future__ import annotations

import torch
from torch.nn import functional

from model.occupancy import Density, cell_of

_DRAWS = 2  # random points per cell at which density is evaluated
_EMPTY = 0.01  # a point is empty when the optical depth of a step there is at or below this


@torch.no_grad()
def find_occupied_cells(hull: torch.Tensor, density: Density, step: float, generator: torch.Generator) -> torch.Tensor:
    """Find the cells of a hull that need samples: those with density at any of a few random points, and their neighbors, so
    that surfaces can still move.

    Args:
        hull: (N, N, N) bool. All its cells are evaluated, so empty ones can return.
        density: the frame's density.
        step: meters between samples.
        generator: draws the points.

    Returns:
        (N, N, N) bool, a subset of the hull; the whole hull if there is no density anywhere.
    """
    corners = hull.nonzero()
    filled = torch.zeros(hull.numel(), dtype=torch.bool, device=hull.device)
    for _ in range(_DRAWS):
        within = torch.rand(corners.shape, generator=generator).to(hull.device)
        points = (corners + within) / torch.tensor(hull.shape, device=hull.device)
        solid = density(points) * step > _EMPTY
        filled[cell_of(points[solid], hull.shape)] = True
    grown = functional.max_pool3d(filled.view(1, 1, *hull.shape).float(), 3, 1, 1)[0, 0] > 0
    return grown & hull if bool(filled.any()) else hull
