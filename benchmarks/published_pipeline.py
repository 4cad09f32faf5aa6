"""The published rendering pipeline in PyTorch, written from the paper, as what this renderer is measured against.

What the paper does (sections 3 and 4, supplementary section 1) and this renderer does otherwise: hash tables are looked up in
3D, eight corners a level and sample, instead of being reduced to 2D grids once a frame; every sample in an occupied cell
gets a density, however opaque what lies before it; color heads are evaluated layer by layer. Samples that share a head go
through it together, sorted by head, as in the paper.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np
import torch

from model.camera import Camera
from model.frame import Frame
from model.hash_encoding import HashEncoding
from model.query import plane_coordinates, query_color, query_density, sample_maps
from model.video import VolumetricVideo
from renderer.backend import RenderedImage, RenderSettings, RenderStatistics
from renderer.reference.compositing import volume_weights
from renderer.reference.rays import camera_rays, intersect_box
from renderer.reference.renderer import RaySamples, sample_rays, step_size

RAYS_AT_ONCE = 4096
"""Rays rendered together: a few hundred megabytes of features; more is not faster on a CPU."""


@dataclass(frozen=True)
class PublishedFrame:
    """A decoded frame whose hash tables are left as they are."""

    frame: Frame
    """Maps, box and occupancy; its baked grids are not used."""
    encoding: HashEncoding
    """The 3D hash tables."""
    normalized_time: float
    """t/T."""


class PublishedPipeline:
    """Renders frames as the paper describes; the interface is that of `renderer.backend.Renderer`."""

    name = "published"

    def prepare(self, video: VolumetricVideo, time: float) -> PublishedFrame:
        """Decode the frame at `time`; InputError when it is out of range."""
        return PublishedFrame(video.decode(time), video.hash_encoding, time / video.num_frames)

    @torch.no_grad()
    def render(self, frame: PublishedFrame, camera: Camera, settings: RenderSettings = RenderSettings()) -> RenderedImage:
        """Render a view: the density pass of all samples in occupied cells, then the color pass of those that weigh."""
        start = clock.perf_counter()
        origin, directions, z = camera_rays(camera)
        t_near, t_far = intersect_box(origin, directions, frame.frame.box)
        rgba, depth, counts = torch.zeros(len(z), 4), torch.zeros(len(z)), torch.zeros(len(z), 2, dtype=torch.int64)
        hits = (t_far > t_near).nonzero()[:, 0]
        for rays in hits.split(RAYS_AT_ONCE) if len(hits) else ():
            samples = sample_rays(frame.frame, origin, directions[rays], step_size(frame.frame, settings))
            rgba[rays], distance, counts[rays] = _render_rays(frame, samples, directions[rays], settings)
            depth[rays] = distance * z[rays]
        shape = (camera.height, camera.width)
        density_samples, color_samples = counts.sum(0).tolist()
        elapsed = (clock.perf_counter() - start) * 1000
        return RenderedImage(
            rgba.clamp(0, 1).view(*shape, 4).numpy(),
            depth.view(shape).numpy(),
            counts.view(*shape, 2).numpy().astype(np.uint16),
            RenderStatistics(total_ms=elapsed, density_samples=density_samples, color_samples=color_samples),
        )


def _render_rays(
    frame: PublishedFrame, samples: RaySamples, directions: torch.Tensor, settings: RenderSettings
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    config = frame.frame.config
    step, rays = step_size(frame.frame, settings), len(directions)
    threshold = config.render.weight_threshold if settings.weight_threshold is None else settings.weight_threshold
    features = hash_features(frame, samples.points)
    sigma = query_density(frame.frame, samples.points, features)
    slots = sigma.new_zeros(rays, samples.slots_per_ray)
    slots.view(-1)[samples.slots] = sigma * step
    w = volume_weights(slots).flatten()[samples.slots]
    kept = (w > threshold).nonzero()[:, 0]
    ray = samples.slots // samples.slots_per_ray
    color = query_color(frame.frame, samples.points[kept], features[kept], directions[ray[kept]])
    opaque = torch.cat([color, torch.ones(len(kept), 1), samples.distances[kept, None]], dim=1)
    sums = torch.zeros(rays, 5).index_add(0, ray[kept], w[kept, None] * opaque)
    counts = torch.stack([torch.bincount(r, minlength=rays) for r in (ray, ray[kept])], dim=1)
    return sums[:, :4], sums[:, 4] / sums[:, 3].clamp(min=1e-12), counts


def hash_features(frame: PublishedFrame, points: torch.Tensor) -> torch.Tensor:
    """F(p), (P, 32): 3D hash lookups of all levels and planes, plus the feature planes (paper, equation 1)."""
    uv = plane_coordinates(points)
    hashed = frame.encoding(uv, torch.full((len(points),), frame.normalized_time)).sum(0)
    features = sample_maps(frame.frame.feature_planes, uv).sum(0)
    features[:, : hashed.shape[1]] += hashed
    return features
