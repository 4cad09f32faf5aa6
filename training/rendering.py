"""Rendering the rays of a step, differentiably and with no more samples in the graph than matter."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.frame import Frame
from renderer.compositing import volume_weights
from training import field
from training.rays import RayBatch, Samples

_BLOCKED = 1e-3
"""Transmittance at which what lies behind no longer matters."""


@dataclass(frozen=True)
class RenderedRays:
    """What a step's rays see, and how many samples it took."""

    color: torch.Tensor
    """(R, 3) premultiplied."""
    opacity: torch.Tensor
    """(R,)."""
    optical_depth: torch.Tensor
    """(L,) sigma * step of the samples in the graph."""
    samples: int
    """Samples in the hull."""
    live: int
    """Of those, samples in the graph."""
    colored: int
    """Of those, samples with color."""


def render_rays(frame: Frame, rays: RayBatch, samples: Samples, options: field.FieldOptions) -> RenderedRays:
    """Composite the rays' samples.

    A first pass without gradients finds the samples that are blocked, and those whose density is 0 and, without a leak,
    cannot get a gradient: about two thirds. The rest is evaluated again with gradients; colors only where w > tau2.
    """
    threshold = frame.config.render.weight_threshold
    sigma = field.density(frame, samples.points)
    live = _live_samples(samples, sigma, len(rays.colors), options.leak > 0)
    chosen = samples.only(live)
    directions = rays.directions[chosen.rays]

    def select(density: torch.Tensor) -> torch.Tensor:
        return (_weights(chosen, density * chosen.steps, len(rays.colors)) > threshold).nonzero()[:, 0]

    sigma, kept, color = field.query(frame, chosen.points, directions, select, options)
    optical_depth = sigma * chosen.steps
    w = _weights(chosen, optical_depth, len(rays.colors))
    ray = chosen.rays
    opacity = w.new_zeros(len(rays.colors)).index_add(0, ray, w)
    seen = w.new_zeros(len(rays.colors), 3).index_add(0, ray[kept], w[kept, None] * color)
    return RenderedRays(seen, opacity, optical_depth, len(samples.slots), len(live), len(kept))


def _live_samples(samples: Samples, sigma: torch.Tensor, rays: int, empty_too: bool) -> torch.Tensor:
    slots = sigma.new_zeros(rays * samples.slots_per_ray).index_copy(0, samples.slots, sigma * samples.steps)
    depth = slots.view(rays, -1)
    transmittance = torch.exp(depth - torch.cumsum(depth, dim=1)).flatten()[samples.slots]
    visible = transmittance > _BLOCKED
    return (visible if empty_too else visible & (sigma > 0)).nonzero()[:, 0]


def _weights(samples: Samples, optical_depth: torch.Tensor, rays: int) -> torch.Tensor:
    slots = optical_depth.new_zeros(rays * samples.slots_per_ray).index_copy(0, samples.slots, optical_depth)
    return volume_weights(slots.view(rays, -1)).flatten()[samples.slots]
