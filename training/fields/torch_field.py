"""The field of a training step in PyTorch, with no more samples in the graph than matter."""

from __future__ import annotations

import torch

from model.config import ModelConfig
from model.decoder import Maps
from model.frame import Frame
from model.hash_encoding import HashEncoding
from renderer.reference.compositing import volume_weights
from training.config import TrainingConfig
from training.fields.field import RenderedRays
from training.fields.losses import optical_depth_penalty
from training.fields.reference import color_moments
from training.fields.samples import RayBatch, Samples, SamplingRegion, stratified_samples
from training.fields.tiny_cuda_nn import load_tiny_hash
from training.fields.torch_query import HashFeatures, QueryOptions, density, query

CPU = torch.device("cpu")
"""Where a training runs unless told otherwise."""

_BLOCKED = 1e-3
"""Transmittance at which what lies behind no longer matters."""


class TorchField:
    """Plain PyTorch; see `training.fields.field.RadianceField`.

    A first pass without gradients finds the samples that are blocked and those whose density is 0 and, without a leak,
    cannot get a gradient: well over half of them once a training has found the surface. Only the rest is evaluated with
    gradients; colors only where w > tau2. On CUDA tiny-cuda-nn looks the hash tables up where it is installed and can.

    Args:
        config: the training.
        device: where maps, tables, rays and region are.
    """

    name = "torch"

    def __init__(self, config: TrainingConfig, device: torch.device = CPU) -> None:
        self.config = config
        self._tiny = load_tiny_hash(config.model.hash) if device.type == "cuda" else None

    def render(
        self,
        maps: Maps,
        encoding: HashEncoding,
        time: float,
        rays: RayBatch,
        region: SamplingRegion,
        seed: int,
        progress: float = 0.0,
    ) -> RenderedRays:
        """Render rays at stratified samples, differentiably; see `training.fields.field.RadianceField`."""
        generator = torch.Generator().manual_seed(seed)
        samples = stratified_samples(rays, region, self.config.rays, generator)
        frame = make_frame(self.config.model, maps, self._grids(encoding, time), region.box)
        random_heads = generator if self.config.blend_at_random else None
        options = QueryOptions(self.config.leak_at(progress), random_heads, self._hashed(encoding, time))
        return render_samples(frame, rays, samples, options, self.config.loss.optical_depth_limit)

    @torch.no_grad()
    def density(self, maps: Maps, encoding: HashEncoding, time: float, points: torch.Tensor) -> torch.Tensor:
        """Density without gradients; see `training.fields.field.RadianceField`."""
        unit_box = torch.tensor([[0.0] * 3, [1.0] * 3], device=points.device)
        frame = make_frame(self.config.model, maps, self._grids(encoding, time), unit_box)
        return density(frame, points, QueryOptions(hashed=self._hashed(encoding, time)))

    def _grids(self, encoding: HashEncoding, time: float) -> list[torch.Tensor]:
        return encoding.bake(time) if self._tiny is None else []

    def _hashed(self, encoding: HashEncoding, time: float) -> HashFeatures | None:
        return None if self._tiny is None else self._tiny.at(encoding.tables, time)


def make_frame(config: ModelConfig, maps: Maps, grids: list[torch.Tensor], box: torch.Tensor) -> Frame:
    """A frame whose every cell counts as occupied."""
    everywhere = torch.ones(config.occupancy.resolution, dtype=torch.bool)
    return Frame(config, 0.0, box, everywhere, grids, *maps)


def render_samples(frame: Frame, rays: RayBatch, samples: Samples, options: QueryOptions, limit: float) -> RenderedRays:
    """Composite samples; the penalty counts optical depth over `limit`."""
    count = len(rays.colors)
    sigma = density(frame, samples.points, options)
    blocked, live = _filter_samples(samples, sigma, count, options.leak > 0)
    chosen = samples.only(live)

    def select(sigma: torch.Tensor) -> torch.Tensor:
        w = _weights(chosen, sigma * chosen.steps, count)
        return (w > frame.config.render.weight_threshold).nonzero()[:, 0]

    sigma, kept, color = query(frame, chosen.points, rays.view_directions[chosen.rays], select, options)
    optical_depth = sigma * chosen.steps
    w = _weights(chosen, optical_depth, count)
    ray = chosen.rays
    opacity = w.new_zeros(count).index_add(0, ray, w)
    seen = w.new_zeros(count, 3).index_add(0, ray[kept], w[kept, None] * color)
    marched = len(samples.slots) - blocked
    penalty = optical_depth_penalty(optical_depth, limit, marched)
    moments = color_moments(w[kept], color, ray[kept], count)
    return RenderedRays(seen, moments, opacity, penalty, len(samples.slots), marched, len(kept))


def _filter_samples(samples: Samples, sigma: torch.Tensor, rays: int, empty_too: bool) -> tuple[int, torch.Tensor]:
    """The number of blocked samples, and the indices of those that can get a gradient."""
    slots = sigma.new_zeros(rays * samples.slots_per_ray).index_copy(0, samples.slots, sigma * samples.steps)
    depth = slots.view(rays, -1)
    transmittance = torch.exp(depth - torch.cumsum(depth, dim=1)).flatten()[samples.slots]
    visible = transmittance > _BLOCKED
    live = visible if empty_too else visible & (sigma > 0)
    return len(visible) - int(visible.sum()), live.nonzero()[:, 0]


def _weights(samples: Samples, optical_depth: torch.Tensor, rays: int) -> torch.Tensor:
    slots = optical_depth.new_zeros(rays * samples.slots_per_ray).index_copy(0, samples.slots, optical_depth)
    return volume_weights(slots.view(rays, -1)).flatten()[samples.slots]
