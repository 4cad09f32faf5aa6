"""The exact image of overlapping videos: the samples of all of them, sorted along each ray. Tests compare scenes with it."""

from __future__ import annotations

import torch

from model.camera import Camera
from model.frame import Frame
from model.placement import Placement
from renderer.backend import RenderSettings
from renderer.reference.compositing import pad_rays, volume_weights
from renderer.reference.rays import camera_rays
from renderer.reference.renderer import RayColors, queries_of, sample_rays


@torch.no_grad()
def merge_rays(parts: list[tuple[Frame, Placement, RenderSettings]], camera: Camera) -> RayColors:
    """Render every pixel of a small image of several placed frames at once.

    Args:
        parts: each frame, its place, and its step, tau2, crop box and depth range in its own meters. The largest tau2 counts.
        camera: in the scene.

    Returns:
        One row per pixel; distances in meters of the scene.
    """
    z = camera_rays(camera)[2]
    columns = [_samples(frame, placement, settings, camera, z) for frame, placement, settings in parts]
    ray, distance, optical_depth, color = (torch.cat(column) for column in zip(*columns, strict=True))
    order = torch.argsort(distance, stable=True)
    order = order[torch.argsort(ray[order], stable=True)]
    ray, distance, optical_depth, color = ray[order], distance[order], optical_depth[order], color[order]
    padded, index = pad_rays(optical_depth, ray, len(z))
    w = volume_weights(padded).flatten()[index]
    thresholds = [settings.weight_threshold for _, _, settings in parts]
    limits = [
        part[0].config.render.weight_threshold if tau2 is None else tau2 for part, tau2 in zip(parts, thresholds, strict=True)
    ]
    kept = w > max(limits)
    values = torch.cat([color, torch.ones_like(color[:, :1]), distance[:, None]], dim=1)[kept]
    sums = w.new_zeros(len(z), 5).index_add(0, ray[kept], w[kept, None] * values)
    counts = torch.stack([torch.bincount(r, minlength=len(z)) for r in (ray, ray[kept])], dim=1)
    return RayColors(sums[:, :4], sums[:, 4] / sums[:, 3].clamp(min=1e-12), counts)


def _samples(
    frame: Frame, placement: Placement, settings: RenderSettings, camera: Camera, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ray, distance in the scene, optical depth and color of each sample of one frame."""
    origin, directions, _ = camera_rays(placement.camera_in_video(camera))
    step = settings.step(frame.config.render, frame.box, origin)
    samples = sample_rays(frame, origin, directions, step, settings, z)
    queries = queries_of(frame)
    features = queries.features(samples.points)
    optical_depth = torch.relu(queries.raw_density(samples.points, features)) * step
    color = queries.color(samples.points, features, directions[samples.rays])
    return samples.rays, samples.distances * placement.scale, optical_depth, color
