"""Render a few rays differentiably with respect to where they start and where they go."""

from __future__ import annotations

import dataclasses

import torch

from model.config import HashEncodingConfig
from model.hash_levels import hash_levels
from training.config import TrainingConfig
from training.fields.field import RenderedRays, TrainingFrame, march_settings
from training.fields.samples import RayBatch, SamplingRegion, stratified_samples
from training.fields.torch_field import make_frame, render_samples


def render_moved_rays(
    config: TrainingConfig,
    frame: TrainingFrame,
    rays: RayBatch,
    region: SamplingRegion,
    seed: int,
    grids: torch.Tensor | None = None,
) -> RenderedRays:
    """Render rays with gradients for their origins and directions only, with the formulas of `TorchField`.

    The distances of the samples are drawn first and stay fixed; the samples move with their rays.

    Args:
        config: settings of the training run.
        frame: the frame; it gets no gradients.
        rays: R rays, differentiable.
        region: where samples may lie.
        seed: draws the samples.
        grids: the baked grids in the order of `TrainingKernels.bake`; None bakes them here.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        samples = stratified_samples(rays, region, config.rays, generator)
        size = region.box[1] - region.box[0]
        offset = samples.points * size + region.box[0] - rays.origins[samples.rays]
        distances = (offset * rays.directions[samples.rays]).sum(1, keepdim=True)
        levels = frame.encoding.bake(frame.time) if grids is None else split_levels(config.model.hash, grids.detach())
    points = (rays.origins[samples.rays] + distances * rays.directions[samples.rays] - region.box[0]) / size
    maps = tuple(m.detach() for m in frame.maps)
    still = make_frame(config.model, (maps[0], maps[1], maps[2]), levels, region.box)
    settings = dataclasses.replace(march_settings(config, 1.0, seed), leak=0.0)
    moved = dataclasses.replace(samples, points=points.clamp(0, 1))
    return render_samples(still, moved, rays.view_directions, settings)


def split_levels(config: HashEncodingConfig, grids: torch.Tensor) -> list[torch.Tensor]:
    """Return grids (3, nodes, F) as one tensor per level, (3, F, N along v, N along u)."""
    nodes = [level.resolution for level in hash_levels(config)]
    parts = grids.split([n * n for n in nodes], dim=1)
    return [part.view(3, n, n, -1).permute(0, 3, 1, 2) for part, n in zip(parts, nodes, strict=True)]
