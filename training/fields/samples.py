"""Rays of a training step, the region that their samples may lie in, and the samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from renderer.reference.rays import intersect_box, place_samples
from training.config import RayConfig


@dataclass(frozen=True)
class RayBatch:
    """Rays of one frame and what the capture shows along them."""

    origins: torch.Tensor
    """(R, 3) meters."""
    directions: torch.Tensor
    """(R, 3) unit, world axes."""
    view_directions: torch.Tensor
    """(R, 3) unit: the directions given to the color heads, `directions` or close to them."""
    colors: torch.Tensor
    """(R, 3) in [0, 1], over black."""
    masks: torch.Tensor
    """(R,) coverage by the mask, [0, 1]."""

    def to(self, device: torch.device) -> RayBatch:
        """Return the rays on a device."""
        tensors = (self.origins, self.directions, self.view_directions, self.colors, self.masks)
        return RayBatch(*(t.to(device) for t in tensors))

    def select(self, index: torch.Tensor) -> RayBatch:
        """Return the rays with these indices (K,) int64."""
        tensors = (self.origins, self.directions, self.view_directions, self.colors, self.masks)
        return RayBatch(*(t[index] for t in tensors))


@dataclass(frozen=True)
class SamplingRegion:
    """Where samples of a frame may lie."""

    box: torch.Tensor
    """(2, 3) meters; points are normalized by it."""
    bounds: torch.Tensor
    """(2, 3) meters: the tightest box around the hull, or `box`."""
    hull: torch.Tensor | None
    """(N, N, N) bool cells of the box; None means all of it."""

    def to(self, device: torch.device) -> SamplingRegion:
        """Return the region on a device."""
        return SamplingRegion(self.box.to(device), self.bounds.to(device), None if self.hull is None else self.hull.to(device))


@dataclass(frozen=True)
class RaySamples:
    """Samples of some rays, in ray order and front to back."""

    points: torch.Tensor
    """(S, 3) in [0, 1]^3 of the frame's box."""
    offsets: torch.Tensor
    """(R + 1,) int64: the samples of ray r are offsets[r] to offsets[r + 1] - 1."""
    step: float | torch.Tensor
    """Length of ray that each sample represents, meters: one number, or (S,). The native kernels take one number."""

    @property
    def rays(self) -> torch.Tensor:
        """(S,) int64: the ray of each."""
        return torch.repeat_interleave(torch.arange(len(self.offsets) - 1, device=self.offsets.device), self.offsets.diff())

    def select(self, index: torch.Tensor) -> RaySamples:
        """Return the samples with these indices (K,) int64, which ascend."""
        step = self.step[index] if isinstance(self.step, torch.Tensor) else self.step
        return RaySamples(self.points[index], torch.searchsorted(index, self.offsets), step)


def stratified_samples(rays: RayBatch, region: SamplingRegion, config: RayConfig, generator: torch.Generator) -> RaySamples:
    """Divide each ray within the bounds into intervals and place one random sample in each; keep those in the hull.

    Args:
        rays: R rays.
        region: bounds and hull.
        config: number or length of the intervals.
        generator: source of the randomness.
    """
    t_near, t_far = intersect_box(rays.origins, rays.directions, region.bounds)
    length = (t_far - t_near).clamp(min=0)
    if config.step > 0:
        intervals = max(1, int(torch.ceil(length.max() / config.step)))
        steps = torch.full_like(length, config.step)
    else:
        intervals = config.samples_per_ray
        steps = length / intervals
    jitter = torch.rand(len(length), intervals, generator=generator).to(length.device)  # the same draws on any device
    distances = t_near[:, None] + (torch.arange(intervals, device=length.device) + jitter) * steps[:, None]
    ray, points, _ = place_samples(rays.origins, rays.directions, distances, t_far, region.box, region.hull)
    offsets = torch.nn.functional.pad(torch.bincount(ray, minlength=len(length)).cumsum(0), (1, 0))
    return RaySamples(points, offsets, config.step if config.step > 0 else steps[ray])
