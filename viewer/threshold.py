"""Trying out a higher tau1 than the bundle's: more cells count as empty."""

from __future__ import annotations

import threading

import torch

from model.errors import InputError
from model.frame import Frame
from model.query import query_density, query_features
from model.video import VolumetricVideo

BATCH = 1 << 16
"""Points evaluated at once."""

KEPT = 64
"""Frames whose cells are remembered."""


class ThresholdedVideo(VolumetricVideo):
    """The same video with the cells emptied in which the density is nowhere above tau1.

    Cells that the bundle calls empty stay so: a tau1 below the bundle's changes nothing. The densities are evaluated when a
    frame is prepared, which then takes several times as long.

    Args:
        source: the video.
        tau1: density, 1/m.

    Raises:
        InputError: tau1 is negative or not finite.
    """

    def __init__(self, source: VolumetricVideo, tau1: float) -> None:
        if not 0 <= tau1 < float("inf"):
            raise InputError(f"tau1 {tau1:g}", "must be a density, 0 or more")
        parts = (source.latents, source.boxes, source.occupancy, source.decoder, source.hash_encoding)
        super().__init__(source.config, source.metadata, *parts)
        self.source = source
        self.tau1 = tau1
        self._lock = threading.Lock()
        self._kept: dict[float, torch.Tensor] = {}

    def box_and_occupancy(self, time: float) -> tuple[torch.Tensor, torch.Tensor]:
        """(2, 3) box in meters and (X, Y, Z) bool cells at `time`; decodes the frame unless its cells are remembered."""
        box, occupancy = self.source.box_and_occupancy(time)
        cells = self.known_cells(time)
        if cells is None:
            cells = dense_cells(self.source.decode(time), occupancy, self.tau1)
            with self._lock:
                self._kept[time] = cells
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
        return box, cells

    def known_cells(self, time: float) -> torch.Tensor | None:
        """(X, Y, Z) bool cells at `time` if they are remembered; never takes long."""
        with self._lock:
            return self._kept.get(time)


@torch.no_grad()
def dense_cells(frame: Frame, occupied: torch.Tensor, tau1: float) -> torch.Tensor:
    """The occupied cells in which the density of any sub-point is above tau1 (paper, supplementary section 1).

    Args:
        frame: the decoded frame.
        occupied: (X, Y, Z) bool, the cells that are looked at.
        tau1: 1/m.

    Returns:
        (X, Y, Z) bool.
    """
    subgrid = frame.config.occupancy.subgrid
    steps = torch.tensor([0.5]) if subgrid == 1 else torch.linspace(0, 1, subgrid)
    inside = torch.cartesian_prod(steps, steps, steps).view(-1, 3)
    cells, counts = occupied.nonzero(), torch.tensor(occupied.shape)
    result = torch.zeros_like(occupied)
    for part in cells.split(max(1, BATCH // len(inside))):
        points = ((part[:, None] + inside) / counts).reshape(-1, 3)
        density = query_density(frame, points, query_features(frame, points))
        dense = part[(density.view(len(part), -1) > tau1).any(dim=1)]
        result[tuple(dense.T)] = True
    return result
