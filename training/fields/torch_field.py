"""The radiance field in PyTorch: the formulas of `model.query`, with only those samples in the graph that need gradients."""

from __future__ import annotations

import functools

import torch

from model.config import ModelConfig
from model.decoder import Maps
from model.frame import Frame
from model.methods.method import PointQueries
from model.occupancy_extraction import Density
from model.query import HashFeatures, HeadAssignment, MapQueries, query_density, query_features
from renderer.reference.compositing import pad_rays, transmittance, volume_weights
from training.config import TrainingConfig
from training.fields.batched_heads import apply_heads_in_blocks
from training.fields.field import MarchSettings, RenderedRays, TrainingFrame, march_settings
from training.fields.losses import optical_depth_penalty
from training.fields.precision import products_in
from training.fields.samples import RayBatch, RaySamples, SamplingRegion, stratified_samples
from training.fields.tiny_cuda_nn import load_tiny_hash

CPU = torch.device("cpu")
"""The default device for training."""


class TorchField:
    """The implementation in PyTorch, for any device; see `training.fields.field.RadianceField`.

    On CUDA, tiny-cuda-nn looks up the hash tables where it is installed and supports the encoding.

    Args:
        config: settings of the training run.
        device: where maps, tables, rays and region are.
    """

    name = "torch"

    def __init__(self, config: TrainingConfig, device: torch.device = CPU) -> None:
        self.config = config
        self._tiny = load_tiny_hash(config.model.hash) if device.type == "cuda" else None

    def render(
        self, frame: TrainingFrame, rays: RayBatch, region: SamplingRegion, seed: int, progress: float = 0.0
    ) -> RenderedRays:
        """Render rays with one random sample per interval; see `training.fields.field.RadianceField`."""
        generator = torch.Generator().manual_seed(seed)
        samples = stratified_samples(rays, region, self.config.rays, generator)
        decoded, hash_features = self._decoded(frame, region.box)
        settings = march_settings(self.config, progress, seed)
        drawn = self.config.blend_at_random and self.config.model.assignment == "bilinear"
        assign = functools.partial(assign_stochastic, generator=generator) if drawn else None
        with products_in(self.config.heads_bfloat16, rays.origins.device):
            return render_samples(decoded, samples, rays.view_directions, settings, assign, hash_features)

    @torch.no_grad()
    @torch.no_grad()
    def density(self, frame: TrainingFrame) -> Density:
        """Bake the grids once for all points; see `training.fields.field.RadianceField`."""
        unit_box = torch.tensor([[0.0] * 3, [1.0] * 3], device=frame.maps[0].device)
        decoded, hash_features = self._decoded(frame, unit_box)

        @torch.no_grad()
        def density(points: torch.Tensor) -> torch.Tensor:
            return query_density(decoded, points, query_features(decoded, points, hash_features))

        return density

    def _decoded(self, frame: TrainingFrame, box: torch.Tensor) -> tuple[Frame, HashFeatures | None]:
        """Return the frame with baked grids, or tiny-cuda-nn's lookups instead of them."""
        tiny = self._tiny if frame.moment is None else None  # tiny-cuda-nn has no gradient with respect to time
        grids = frame.encoding.bake(frame.time if frame.moment is None else frame.moment) if tiny is None else []
        lookups = None if tiny is None else tiny.at(frame.encoding.tables, frame.time)
        return make_frame(self.config.model, frame.maps, grids, box), lookups


def make_frame(config: ModelConfig, maps: Maps, grids: list[torch.Tensor], box: torch.Tensor) -> Frame:
    """Return a frame whose every cell is occupied."""
    everywhere = torch.ones(config.occupancy.resolution, dtype=torch.bool)
    return Frame(config, 0.0, box, everywhere, grids, *maps)


def render_samples(
    frame: Frame,
    samples: RaySamples,
    directions: torch.Tensor,
    settings: MarchSettings,
    assign: HeadAssignment | None = None,
    hash_features: HashFeatures | None = None,
) -> RenderedRays:
    """Render rays of the paper's own method from given samples. Tests compare `training.fields.native_kernels` with it.

    Args:
        frame: decoded maps, differentiable.
        samples: of R rays.
        directions: (R, 3), unit view directions, world axes.
        settings: thresholds, leak and penalty; `stochastic_seed` is for the native kernels, here `assign` draws heads.
        assign: chooses the heads of each point; None means as the config says.
        hash_features: used instead of the frame's baked grids.
    """
    queries = MapQueries(frame, hash_features, assign, apply_heads_in_blocks)
    return render_queries(queries, samples, directions, settings)


def render_queries(
    queries: PointQueries, samples: RaySamples, directions: torch.Tensor, settings: MarchSettings
) -> RenderedRays:
    """Render rays of any method from given samples, differentiably.

    Args:
        queries: density and color of the frame, differentiable.
        samples: of R rays.
        directions: (R, 3), unit view directions, world axes.
        settings: thresholds, leak and penalty.
    """
    rays = len(directions)
    live, marched = _find_live_samples(queries, samples, settings)
    chosen = samples.select(live)
    ray = chosen.rays
    features = queries.features(chosen.points)
    depth = LeakyDensity.apply(queries.raw_density(chosen.points, features), settings.leak) * chosen.step
    padded, index = pad_rays(depth, ray, rays)
    w = volume_weights(padded).flatten()[index]
    kept = (w.detach() > settings.weight_threshold).nonzero()[:, 0]
    ray = ray[kept]
    color = queries.color(chosen.points[kept], features[kept], directions[ray])
    values = torch.cat([color, color.square().sum(1, keepdim=True), torch.ones_like(color[:, :1])], dim=1)
    sums = w.new_zeros(rays, 5).index_add(0, ray, w[kept, None] * values)
    penalty = optical_depth_penalty(depth, settings.penalty_limit, marched)
    opacity = -torch.expm1(-padded.sum(1))
    return RenderedRays(sums[:, :3], sums[:, 3:], opacity, penalty, len(samples.points), marched, len(kept), w, chosen)


@torch.no_grad()
def _find_live_samples(queries: PointQueries, samples: RaySamples, settings: MarchSettings) -> tuple[torch.Tensor, int]:
    """Find the samples that can get a gradient: those before their ray stops and, without a leak, with density.

    Once training has found the surface, this leaves well under half of the samples.

    Returns:
        Their indices, ascending, and the number of samples before their ray stops.
    """
    sigma = torch.relu(queries.raw_density(samples.points, queries.features(samples.points)))
    depth, index = pad_rays(sigma * samples.step, samples.rays, len(samples.offsets) - 1)
    visible = transmittance(depth).flatten()[index] > settings.min_transmittance
    live = visible if settings.leak > 0 else visible & (sigma > 0)
    return live.nonzero()[:, 0], int(visible.sum())


class LeakyDensity(torch.autograd.Function):
    """ReLU whose gradient for negative inputs is multiplied by `leak` instead of by zero."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, raw: torch.Tensor, leak: float) -> torch.Tensor:
        """Apply the ReLU to (P,)."""
        ctx.save_for_backward(raw)
        ctx.leak = leak  # type: ignore[attr-defined]
        return raw.clamp(min=0)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        """Pass the gradient on, multiplied by the leak where the density is not positive."""
        (raw,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return torch.where(raw > 0, gradient, gradient * ctx.leak), None  # type: ignore[attr-defined]


def assign_stochastic(uv: torch.Tensor, size: int, generator: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Draw one of the four nearest heads of each point, with its bilinear weight as probability; see `HeadAssignment`."""
    offset = torch.rand(uv.shape, generator=generator, dtype=uv.dtype).to(uv.device)  # the same draws on any device
    cell = (uv.detach() * (size - 1) + offset).long().clamp(0, size - 1)
    return [(cell[:, 0] * size + cell[:, 1], torch.ones_like(uv[:, 0]))]
