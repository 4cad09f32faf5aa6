"""Occupancy grids: in training, empty cells of the hull are skipped when sampling; bundles have those above tau1."""

from __future__ import annotations

import torch
from torch.nn import functional

from model.occupancy_extraction import Density, cell_of, extract_occupancy, within
from training.config import TrainingConfig
from training.fields.field import RadianceField
from training.loop.network import Network

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
        offsets = torch.rand(corners.shape, generator=generator).to(hull.device)
        points = (corners + offsets) / torch.tensor(hull.shape, device=hull.device)
        solid = density(points) * step > _EMPTY
        filled[cell_of(points[solid], hull.shape)] = True
    grown = functional.max_pool3d(filled.view(1, 1, *hull.shape).float(), 3, 1, 1)[0, 0] > 0
    return grown & hull if bool(filled.any()) else hull


@torch.no_grad()
def extract_frame(
    config: TrainingConfig, cells: torch.Tensor | None, network: Network, latent: torch.Tensor, field: RadianceField, frame: int
) -> torch.Tensor:
    """Extract the occupancy of one frame for a bundle.

    Args:
        config: has the resolution, tau1 and subgrid.
        cells: (N, N, N) bool, the cells that training samples; others stay empty. None means everywhere.
        network: the parameters.
        latent: z of the frame, (D,).
        field: evaluates the density.
        frame: index in the run.

    Returns:
        (X, Y, Z) bool.
    """
    density = field.density(network.decode(latent, frame))
    return extract_occupancy(density if cells is None else within(cells, density), config.model.occupancy)
