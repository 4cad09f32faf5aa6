"""Start from the visual hull: pull the density of all of it toward one value.

Without this, a run starts as fog of random density. The hull is already close to the surface where the views see its outline.
"""

from __future__ import annotations

import torch

from model.methods.method import PointQueries
from model.query import MapQueries
from training.config import TrainingConfig
from training.fields.field import TrainingFrame
from training.fields.moved_rays import split_levels
from training.fields.samples import SamplingRegion
from training.fields.torch_field import make_frame

POINTS = 4096
"""Points of the hull at which the density is compared, per frame and step."""


def hull_start_loss(
    config: TrainingConfig,
    frame: TrainingFrame | PointQueries,
    grids: torch.Tensor | None,
    region: SamplingRegion,
    generator: torch.Generator,
) -> torch.Tensor:
    """Compute the mean squared difference of a sample's optical depth and `start.hull_depth`, at random points of the hull.

    The density before its ReLU is compared, so that empty space gets a gradient too.

    Args:
        config: settings of the training run.
        frame: the frame, differentiable.
        grids: the baked grids in the order of `TrainingKernels.bake`, differentiable; None bakes them here.
        region: has the hull.
        generator: draws the points.
    """
    assert region.hull is not None
    cells = region.hull.nonzero()
    chosen = cells[torch.randint(len(cells), (POINTS,), generator=generator).to(cells.device)]
    inside = torch.rand(chosen.shape, generator=generator).to(cells.device)
    points = (chosen + inside) / torch.tensor(region.hull.shape, device=cells.device)
    queries: PointQueries
    if isinstance(frame, TrainingFrame):
        levels = frame.encoding.bake(frame.time) if grids is None else split_levels(config.model.hash, grids)
        queries = MapQueries(make_frame(config.model, frame.maps, levels, region.box))
    else:
        queries = frame
    raw = queries.raw_density(points, queries.features(points))
    return (raw * config.rays.step - config.start.hull_depth).square().mean()
