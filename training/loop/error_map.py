"""Where the error is: a running mean of the squared color error in the cells of each image, for drawing rays."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch

from training.config import TrainingConfig

_LOG = logging.getLogger(__name__)

CELLS = 32
"""Cells along each side of an image."""

CANDIDATES = 4
"""Pixels from which one is chosen."""

_NEW = 0.3  # share of a new measurement in the running mean
_START = 0.05  # squared error of cells that no ray has met yet: that of fog, so that they are soon drawn


@dataclass(frozen=True)
class MeasuredErrors:
    """Squared errors of the rays of one frame, by cell."""

    sums: torch.Tensor
    """(views * CELLS * CELLS,) float64."""
    counts: torch.Tensor
    """Number of rays, of the same shape and type."""

    @staticmethod
    def of_rays(cells: torch.Tensor, squared: torch.Tensor, views: int) -> MeasuredErrors:
        """Collect the errors of R rays.

        Args:
            cells: (R,) int64, as `cells_of` returns them.
            squared: (R,) squared errors.
            views: number of views.
        """
        empty = torch.zeros(views * CELLS * CELLS, dtype=torch.float64)
        squared = squared.detach().cpu().double()
        return MeasuredErrors(empty.index_add(0, cells, squared), empty.index_add(0, cells, torch.ones_like(squared)))


def new_error_maps(frames: int, views: int) -> torch.Tensor:
    """Return the maps of a new run, (frames, views * CELLS * CELLS) float32."""
    return torch.full((frames, views * CELLS * CELLS), _START)


def record_errors(maps: torch.Tensor, frame: int, errors: MeasuredErrors) -> None:
    """Move a frame's running means in `new_error_maps` toward what was measured; cells without rays keep theirs."""
    met = errors.counts > 0
    mean = (errors.sums / errors.counts.clamp(min=1)).float()
    maps[frame] = torch.where(met, (1 - _NEW) * maps[frame] + _NEW * mean, maps[frame])


def cells_of(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the cells of pixels (R,), given as (view * H + row) * W + column: (view * CELLS + row) * CELLS + column."""
    view, row, column = pixels // (height * width), pixels // width % height, pixels % width
    return (view * CELLS + row * CELLS // height) * CELLS + column * CELLS // width


def choose_by_error(candidates: torch.Tensor, errors: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Choose `count` of the candidates (C,), none twice, with probabilities proportional to their errors (C,)."""
    return candidates[torch.multinomial(errors + 1e-8, count, generator=generator)]


def without_errors(config: TrainingConfig) -> TrainingConfig:
    """Return the config of a run that refines cameras. Rays by error would mostly be those of the wrong cameras."""
    if config.rays.by_error:
        _LOG.warning("rays.by_error is not used while cameras are refined: the largest errors may be those of a wrong camera")
    return replace(config, rays=replace(config.rays, by_error=0.0))
