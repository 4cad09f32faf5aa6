"""Rays of a training step, the region where samples may lie, and the samples on the rays."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.occupancy import cell_of
from renderer.reference.rays import intersect_box
from training.config import RayConfig


@dataclass(frozen=True)
class RayBatch:
    """Rays of one frame and what the capture saw along them."""

    origins: torch.Tensor
    """(R, 3) meters."""
    directions: torch.Tensor
    """(R, 3) unit, world axes."""
    view_directions: torch.Tensor
    """(R, 3) unit: the directions that color is asked for, `directions` or near them."""
    colors: torch.Tensor
    """(R, 3) in [0, 1], over black."""
    masks: torch.Tensor
    """(R,) coverage by the mask, [0, 1]."""

    def to(self, device: torch.device) -> RayBatch:
        """The same on a device."""
        tensors = (self.origins, self.directions, self.view_directions, self.colors, self.masks)
        return RayBatch(*(t.to(device) for t in tensors))


@dataclass(frozen=True)
class SamplingRegion:
    """Where samples of a frame may lie."""

    box: torch.Tensor
    """(2, 3) meters; points are normalized by it."""
    bounds: torch.Tensor
    """(2, 3) meters: the tightest box around the hull, or `box`."""
    hull: torch.Tensor | None
    """(N, N, N) bool cells of the box, or None: all of it."""

    def to(self, device: torch.device) -> SamplingRegion:
        """The same on a device."""
        return SamplingRegion(self.box.to(device), self.bounds.to(device), None if self.hull is None else self.hull.to(device))


@dataclass(frozen=True)
class Samples:
    """Samples on rays, in ray order and front to back."""

    slots: torch.Tensor
    """(S,) int64: ray * slots_per_ray + k."""
    points: torch.Tensor
    """(S, 3) in [0, 1]^3 of the frame's box."""
    steps: torch.Tensor
    """(S,) meters that each stands for."""
    slots_per_ray: int
    """The most samples of a ray."""

    @property
    def rays(self) -> torch.Tensor:
        """(S,) int64: the ray of each."""
        return self.slots // self.slots_per_ray

    def only(self, index: torch.Tensor) -> Samples:
        """Some of them, by ascending index."""
        return Samples(self.slots[index], self.points[index], self.steps[index], self.slots_per_ray)


def stratified_samples(rays: RayBatch, region: SamplingRegion, config: RayConfig, generator: torch.Generator) -> Samples:
    """One sample at random in each stretch of a ray within the bounds, kept where it lies in the hull.

    Args:
        rays: R rays.
        region: bounds and hull.
        config: number or length of the stretches.
        generator: source of the randomness.
    """
    t_near, t_far = intersect_box(rays.origins, rays.directions, region.bounds)
    length = (t_far - t_near).clamp(min=0)
    if config.step > 0:
        slots_per_ray = max(1, int(torch.ceil(length.max() / config.step)))
        steps = torch.full_like(length, config.step)
    else:
        slots_per_ray = config.samples_per_ray
        steps = length / slots_per_ray
    jitter = torch.rand(len(length), slots_per_ray, generator=generator).to(length.device)  # the same draws on any device
    distances = t_near[:, None] + (torch.arange(slots_per_ray, device=length.device) + jitter) * steps[:, None]
    slots = (distances < t_far[:, None]).flatten().nonzero()[:, 0]
    ray = slots // slots_per_ray
    extent = region.box[1] - region.box[0]
    origins, directions = (rays.origins - region.box[0]) / extent, rays.directions / extent
    points = origins[ray] + distances.flatten()[slots, None] * directions[ray]
    samples = Samples(slots, points.clamp(0, 1), steps[ray], slots_per_ray)
    if region.hull is None:
        return samples
    cells = cell_of(samples.points, (region.hull.shape[0], region.hull.shape[1], region.hull.shape[2]))
    return samples.only(region.hull.flatten()[cells].nonzero()[:, 0])
