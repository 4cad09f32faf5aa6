"""The radiance field of the methods that the paper is compared with, in PyTorch."""

from __future__ import annotations

import torch

from model.methods.method import PointQueries
from model.occupancy_extraction import Density
from training.config import TrainingConfig
from training.fields.field import RenderedRays, march_settings
from training.fields.samples import RayBatch, SamplingRegion, stratified_samples
from training.fields.torch_field import render_queries


class MethodField:
    """Renders frames of other methods with the samples, formulas and losses of ours; see `training.fields.field.RadianceField`.

    Args:
        config: settings of the training run.
    """

    name = "torch"

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config

    def render(
        self, frame: PointQueries, rays: RayBatch, region: SamplingRegion, seed: int, progress: float = 0.0
    ) -> RenderedRays:
        """Render rays with one random sample per interval; see `training.fields.field.RadianceField`."""
        samples = stratified_samples(rays, region, self.config.rays, torch.Generator().manual_seed(seed))
        return render_queries(frame, samples, rays.view_directions, march_settings(self.config, progress, seed))

    def density(self, frame: PointQueries) -> Density:
        """Evaluate points in parts; see `training.fields.field.RadianceField`."""

        @torch.no_grad()
        def density(points: torch.Tensor) -> torch.Tensor:
            parts = points.split(_POINTS_AT_ONCE)
            return torch.cat([torch.relu(frame.raw_density(part, frame.features(part))) for part in parts])

        return density


_POINTS_AT_ONCE = 1 << 16  # wide hidden layers of all cells of a hull would take gigabytes
