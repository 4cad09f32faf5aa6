"""Rays of a camera, their intersection with a box, and samples on them."""

from __future__ import annotations

import torch

from model.camera import Camera
from model.occupancy_extraction import cell_of
from renderer.backend import Region


def camera_rays(camera: Camera, region: Region | None = None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Compute the rays through the pixel centers of a camera, row by row.

    Args:
        camera: the camera.
        region: the part of the image to render; None means all of it.

    Returns:
        origin (3,) float64, meters; unit directions (P, 3) float32 in world axes; z (P,) float32: depth along the optical axis
        per meter of ray.
    """
    x0, y0, x1, y1 = region or (0, 0, camera.width, camera.height)
    y, x = torch.meshgrid(torch.arange(y0, y1) + 0.5, torch.arange(x0, x1) + 0.5, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(-1, 3).double()
    inverse_K, R = torch.from_numpy(camera.inverse_K), torch.from_numpy(camera.R)
    local = pixels @ inverse_K.T  # z = 1 in camera axes
    length = local.norm(dim=1, keepdim=True)
    directions = (local / length) @ R
    return torch.from_numpy(camera.center), directions.float(), (local[:, 2] / length[:, 0]).float()


def intersect_box(origin: torch.Tensor, directions: torch.Tensor, box: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the distances at which rays enter and leave an axis-aligned box (slab method).

    Args:
        origin: (3,) or (P, 3), meters; float64 for scenes that are far from the origin of their world.
        directions: (P, 3).
        box: (2, 3).

    Returns:
        t_near >= 0 (0 when the camera is inside the box) and t_far, (P,), meters; t_far <= t_near where a ray misses.
    """
    tiny = torch.full_like(directions, 1e-12)
    safe = torch.where(directions.abs() < tiny, tiny, directions)  # a parallel ray meets its slabs at +-infinity
    first, second = ((corner - origin).to(safe.dtype) / safe for corner in box)
    t_near = torch.minimum(first, second).amax(dim=1).clamp(min=0)
    return t_near, torch.maximum(first, second).amin(dim=1)


def place_samples(
    origins: torch.Tensor,
    directions: torch.Tensor,
    distances: torch.Tensor,
    t_far: torch.Tensor,
    box: torch.Tensor,
    cells: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the samples on rays that lie before t_far and in cells that are set.

    Args:
        origins: (3,) or (R, 3), meters; float64 for scenes that are far from the origin of their world.
        directions: (R, 3), unit.
        distances: (R, K) meters along each ray, ascending.
        t_far: (R,) meters.
        box: (2, 3) meters.
        cells: (X, Y, Z) bool cells of the box; None means all of it.

    Returns:
        ray (S,) int64, ascending; points (S, 3) in [0, 1]^3 of the box; distances (S,), meters.
    """
    ray, k = (distances < t_far[:, None]).nonzero().unbind(1)
    t = distances[ray, k]
    starts = (origins - box[0]).to(directions.dtype).expand_as(directions)
    points = (starts[ray] + t[:, None] * directions[ray]) / (box[1] - box[0])
    if cells is not None:
        inside = cells.flatten()[cell_of(points, cells.shape)]
        ray, points, t = ray[inside], points[inside], t[inside]
    return ray, points.clamp(0, 1), t
