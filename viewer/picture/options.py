"""Compute the pixels of a view or a recording from a rendered image, as `DisplaySettings` describe."""

from __future__ import annotations

from dataclasses import replace

from model.camera import Camera
from model.config import ModelConfig
from renderer.backend import PreparedFrame, RenderedImage
from viewer import DISPLAY_MODES
from viewer.picture.views import View, ViewPixels, make_view, view_legend
from viewer.playback.render_worker import ViewResult, scaled_camera
from viewer.settings import DisplaySettings

VIEWS = dict(zip(DISPLAY_MODES, View, strict=True))
"""The view that belongs to each display mode."""


def shown_pixels(result: ViewResult, display: DisplaySettings) -> ViewPixels:
    """Create the pixels that the view shows of a rendered image."""
    assert result.image is not None and result.frame is not None
    camera = scaled_camera(result.request.camera, result.scale)
    return picture(result.image, result.frame, camera, result.config, display)


def picture(
    image: RenderedImage, frame: PreparedFrame, camera: Camera, config: ModelConfig, display: DisplaySettings
) -> ViewPixels:
    """Create the pixels of an image of `frame` that `camera` rendered."""
    planes = config.mlp_planes
    return make_view(
        VIEWS[display.mode],
        image,
        camera,
        display.value_range,
        frame.box,
        config.color_map_resolution,
        planes[min(display.head_plane, len(planes) - 1)],
        config.assignment == "bilinear",
    )


def with_fixed_range(display: DisplaySettings, shown: ViewResult | None) -> DisplaySettings:
    """Return a copy whose color map keeps the range that it has in `shown` while the scene moves."""
    image = shown.image if shown is not None else None
    legend = view_legend(VIEWS[display.mode], image, display.value_range) if image is not None else None
    return replace(display) if legend is None else replace(display, automatic_range=False, low=legend.low, high=legend.high)
