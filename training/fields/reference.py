"""What a training step asks of a frame: color, opacity and a density penalty of rays, in plain PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.config import ModelConfig
from model.frame import Frame
from model.query import apply_color_heads, assign_bilinear, assign_nearest, plane_coordinates, query_features, sample_maps
from model.view_encoding import encode_direction
from renderer.reference.compositing import volume_weights


@dataclass(frozen=True)
class RaySamples:
    """Samples of some rays, in ray order and front to back."""

    points: torch.Tensor
    """(P, 3) in [0, 1]^3 of the box."""
    offsets: torch.Tensor
    """(R + 1,) int64: the samples of ray r are offsets[r] to offsets[r + 1] - 1."""


@dataclass(frozen=True)
class MarchSettings:
    """How rays are marched while training."""

    step: float
    """Length of a step, meters."""
    weight_threshold: float = 1e-3
    """tau2: samples with a weight w at or below it get no color."""
    stop: float = 1e-3
    """A ray ends behind the sample that brings its transmittance to this or less; from tau2 on nothing gets a color."""
    leak: float = 0.0
    """Slope of the density's rectifier below zero on the way back; above 0 lets empty space come back to life. The forward
    value is a rectifier's all the same."""
    penalty_limit: float = 3.0
    """Optical depth of one sample (sigma * step) from which on it is penalized."""
    stochastic_seed: int | None = None
    """With bilinear assignment: draw one of the four nearest heads by its weight instead of blending all, four times
    cheaper and with the same expected output before the sigmoid."""


@dataclass(frozen=True)
class RayResult:
    """What rays see, differentiable."""

    color: torch.Tensor
    """(R, 3) premultiplied: sum of w c over the samples with w > tau2."""
    moments: torch.Tensor
    """(R, 2) sums of w |c|^2 and of w over the same samples."""
    opacity: torch.Tensor
    """(R,) 1 - transmittance behind the last sample, whatever the weights."""
    penalty: torch.Tensor
    """Scalar: mean over the samples marched of max(sigma * step - limit, 0)^2."""
    counts: torch.Tensor
    """(2,) int64: samples marched, and samples that got a color."""


class LeakyDensity(torch.autograd.Function):
    """relu whose gradient below zero is multiplied by `leak` instead of by zero."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, raw: torch.Tensor, leak: float) -> torch.Tensor:
        """(P,) and a slope to (P,)."""
        ctx.save_for_backward(raw)
        ctx.leak = leak  # type: ignore[attr-defined]
        return raw.clamp(min=0)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        """Pass the gradient on, times the slope where the density is not positive."""
        (raw,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return torch.where(raw > 0, gradient, gradient * ctx.leak), None  # type: ignore[attr-defined]


def render_samples(frame: Frame, samples: RaySamples, directions: torch.Tensor, settings: MarchSettings) -> RayResult:
    """Render rays from given samples; the formulas that `training.fields.native_kernels` is held against.

    Args:
        frame: decoded maps, differentiable.
        samples: of R rays.
        directions: (R, 3), unit, world axes.
        settings: step and thresholds.
    """
    rays = len(directions)
    counts = samples.offsets.diff()
    ray = torch.repeat_interleave(torch.arange(rays), counts)
    slot = torch.arange(len(ray)) - samples.offsets[:-1][ray]
    width = max(int(counts.max()) if rays else 0, 1)
    features = query_features(frame, samples.points)
    heads = sample_maps(frame.density_maps, plane_coordinates(samples.points, frame.config.mlp_planes)).sum(0)
    raw = (features * heads).sum(1)
    depth = LeakyDensity.apply(raw, settings.leak) * settings.step
    dense = depth.new_zeros(rays * width).index_copy(0, ray * width + slot, depth).view(rays, width)
    reached = (torch.exp(-(dense.detach().cumsum(1) - dense.detach())) > settings.stop).flatten()[ray * width + slot]
    dense = dense * torch.zeros_like(dense).flatten().index_fill(0, (ray * width + slot)[reached], 1).view(rays, width)
    w = volume_weights(dense).flatten()[ray * width + slot]
    kept = (reached & (w.detach() > settings.weight_threshold)).nonzero()[:, 0]
    color = _color(frame, samples.points[kept], features[kept], directions[ray[kept]], settings.stochastic_seed)
    total = w.new_zeros(rays, 3).index_add(0, ray[kept], w[kept, None] * color)
    excess = torch.relu(depth[reached] - settings.penalty_limit)
    penalty = excess.square().sum() / max(len(excess), 1)
    moments = color_moments(w[kept], color, ray[kept], rays)
    return RayResult(total, moments, -torch.expm1(-dense.sum(1)), penalty, torch.tensor([len(excess), len(kept)]))


def color_moments(w: torch.Tensor, color: torch.Tensor, ray: torch.Tensor, rays: int) -> torch.Tensor:
    """(R, 2) sums of w |c|^2 and of w along R rays; weights (K,), colors (K, 3) and rays (K,) of the samples with color."""
    of_samples = w[:, None] * torch.stack([color.square().sum(1), torch.ones_like(w)], dim=1)
    return w.new_zeros(rays, 2).index_add(0, ray, of_samples)


def _color(
    frame: Frame, points: torch.Tensor, features: torch.Tensor, directions: torch.Tensor, stochastic_seed: int | None
) -> torch.Tensor:
    view = encode_direction(directions, frame.config.view_encoding)
    generator = None if stochastic_seed is None else torch.Generator().manual_seed(stochastic_seed)
    total = features.new_zeros(len(points), 3)
    uv = plane_coordinates(points, frame.config.mlp_planes)
    for heads, coordinates in zip(frame.color_maps, uv, strict=True):
        if frame.config.assignment == "nearest":
            choices = assign_nearest(coordinates, heads.shape[0])
        elif generator is None:
            choices = assign_bilinear(coordinates, heads.shape[0])
        else:
            choices = [assign_stochastic(coordinates, heads.shape[0], generator)]
        for index, weight in choices:
            total = total + weight[:, None] * apply_color_heads(heads.flatten(0, 1), index, features, view)
    return torch.sigmoid(total)


def assign_stochastic(uv: torch.Tensor, size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One of each point's four nearest heads, drawn with its bilinear weight as probability: (index, weight 1)."""
    jitter = torch.rand(uv.shape, generator=generator, dtype=uv.dtype).to(uv.device)  # the same draws on any device
    cell = (uv.detach() * (size - 1) + jitter).long().clamp(0, size - 1)
    return cell[:, 0] * size + cell[:, 1], torch.ones_like(uv[:, 0])


def view_of(directions: torch.Tensor, config: ModelConfig) -> torch.Tensor:
    """(R, 3) unit directions to (R, V) encoded ones, contiguous."""
    return encode_direction(directions, config.view_encoding).contiguous()
