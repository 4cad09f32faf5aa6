"""Draw the rays of a training step."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from model.camera import Camera
from training.config import RayConfig
from training.fields.samples import RayBatch
from training.loop.dataset import FrameViews, PixelSet


@dataclass(frozen=True)
class CameraBatch:
    """Cameras as tensors, for rays of many views at once."""

    to_world: torch.Tensor
    """(views, 3, 3): maps homogeneous pixels to world directions, R^T K^-1."""
    centers: torch.Tensor
    """(views, 3) meters."""

    @staticmethod
    def from_cameras(cameras: list[Camera]) -> CameraBatch:
        """Stack cameras of one image size."""
        to_world = np.stack([camera.pixel_to_world for camera in cameras])
        centers = np.stack([camera.center for camera in cameras])
        return CameraBatch(torch.from_numpy(to_world).float(), torch.from_numpy(centers).float())


def draw_pixels(
    views: FrameViews, config: RayConfig, count: int, generator: torch.Generator, only: int | None = None
) -> torch.Tensor:
    """Draw the pixels of a frame's rays in the proportions of the config: foreground, face, and the rest from the region.

    Args:
        views: the frame.
        config: the proportions.
        count: R, the number of pixels.
        generator: source of the randomness.
        only: the one view that all pixels are drawn from; None means as the config says.

    Returns:
        (R,) int64 (view * H + row) * W + column, ascending. If a view has no pixel of the kind, one is drawn from its box.
    """
    view = torch.full((count,), only or 0)
    if only is None:
        view = _draw_views(count, len(views.pixels), config.views_per_frame, generator)
    face = round(config.face * count) if views.face is not None else 0
    foreground = round((config.foreground + config.face) * count) - face
    sets = (views.foreground, views.face, views.dilated)
    parts = view.split([foreground, face, count - foreground - face])
    of_all_views = config.views_per_frame == 0 and only is None
    drawn = torch.cat([_draw_set(s, v, of_all_views, generator) for s, v in zip(sets, parts, strict=True)])
    missing = (drawn < 0).nonzero()[:, 0]
    drawn[missing] = _draw_in_boxes(views, view[missing], generator)
    if views.doubted is not None:
        drawn = _without_doubted(views, drawn, generator)
    return drawn.sort().values  # neighboring rays read the same pixels of the maps


def _without_doubted(views: FrameViews, drawn: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw a pixel of the subject, of any view, in place of each pixel whose mask is doubted."""
    assert views.doubted is not None
    index = views.foreground.index
    if not len(index):
        return drawn
    others = index[torch.randint(len(index), (len(drawn),), generator=generator)].long()
    return torch.where(views.doubted.flatten()[drawn], others, drawn)


def _draw_views(count: int, num_views: int, views_per_frame: int, generator: torch.Generator) -> torch.Tensor:
    allowed = torch.randperm(num_views, generator=generator)[: views_per_frame or num_views]
    return allowed[torch.randint(len(allowed), (count,), generator=generator)]


def _draw_set(pixels: PixelSet | None, view: torch.Tensor, of_all_views: bool, generator: torch.Generator) -> torch.Tensor:
    """Draw one pixel from each given view, or the same number from all views together; -1 where there are none."""
    count = len(view)
    if pixels is None or not len(pixels.index):
        return torch.full((count,), -1, dtype=torch.int64)
    if of_all_views:
        return pixels.index[torch.randint(len(pixels.index), (count,), generator=generator)].long()
    start, available = pixels.starts[view], (pixels.starts[1:] - pixels.starts[:-1])[view]
    position = start + (torch.rand(count, generator=generator, dtype=torch.float64) * available).long()
    drawn = pixels.index[position.clamp(max=len(pixels.index) - 1)].long()
    return torch.where(available > 0, drawn, -1)


def _draw_in_boxes(views: FrameViews, view: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    x0, y0, x1, y1 = views.rectangles[view].unbind(1)
    across, down = torch.rand(2, len(view), generator=generator, dtype=torch.float64)
    column, row = x0 + (across * (x1 - x0)).long(), y0 + (down * (y1 - y0)).long()
    _, height, width, _ = views.pixels.shape
    return (view * height + row) * width + column


def make_rays(views: FrameViews, cameras: CameraBatch, pixels: torch.Tensor) -> RayBatch:
    """Return rays through the centers of pixels, with their colors.

    Args:
        views: the frame.
        cameras: the views' cameras, for images of that size.
        pixels: (R,) as `draw_pixels` returns them.
    """
    _, height, width, _ = views.pixels.shape
    view, within = pixels // (height * width), pixels % (height * width)
    column, row = within % width + 0.5, within // width + 0.5
    homogeneous = torch.stack([column, row, torch.ones_like(row)], dim=1)
    directions = torch.nn.functional.normalize((cameras.to_world[view] @ homogeneous[..., None])[..., 0], dim=1)
    seen = views.pixels.view(-1, 4)[pixels].float() / 255
    return RayBatch(cameras.centers[view], directions, directions, seen[:, :3], seen[:, 3])


def jitter_view_directions(rays: RayBatch, deviation: float, generator: torch.Generator) -> RayBatch:
    """Perturb the view directions given to the color network; ray geometry is unchanged.

    A point seen by few views can have a different color for each of them, wherever it lies. Colors that must hold for a cone of
    directions cannot do this, so the surface has to move to where the views agree.

    Args:
        rays: R rays.
        deviation: standard deviation of the normal noise added to each component of a unit direction; 0 changes nothing.
        generator: source of the randomness.
    """
    if deviation == 0:
        return rays
    noise = torch.randn(rays.directions.shape, generator=generator)
    view_directions = torch.nn.functional.normalize(rays.directions + deviation * noise, dim=1)
    return dataclasses.replace(rays, view_directions=view_directions)
