"""What is made of a rendered image for the view: color, depth, opacity, samples, ..."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.camera import Camera
from model.config import ModelConfig
from renderer.backend import PreparedFrame, RenderedImage
from viewer.picture.look import Background, Look
from viewer.picture.views import View, ViewPixels, make_view
from viewer.playback.render_worker import ViewResult, scaled_camera
from viewer.settings import ViewSettings

MODES = {
    "color": View.COLOR,
    "depth": View.DEPTH,
    "opacity": View.OPACITY,
    "normals": View.NORMALS,
    "density_samples": View.DENSITY_SAMPLES,
    "color_samples": View.COLOR_SAMPLES,
    "heads": View.HEADS,
}
"""What can be shown, by the name that the actions "view.*" give it."""

SCALAR_MODES = ("depth", "opacity", "density_samples", "color_samples")
"""Those that are numbers and are shown through a color map."""

BACKGROUNDS = {"color": Background.SOLID, "checker": Background.CHECKER, "gradient": Background.GRADIENT}
"""Kinds of background, by the name that the settings give them."""


@dataclass
class ImageOptions:
    """What the view shows of the images."""

    mode: str = "color"
    """One of `MODES`."""
    head_plane: int = 0
    """Index of the MLP plane whose heads are shown."""
    automatic_range: bool = True
    """Whether the color map spans the values of the image."""
    low: float = 0.0
    """Value at the color map's start, unless automatic."""
    high: float = 1.0
    """Value at the color map's end, unless automatic."""
    show_cells: bool = False
    """Whether the occupied cells are laid over the picture."""

    def fix_range(self, shown: ViewResult | None) -> None:
        """Take the range that the color map has in `shown`, as far as there is one."""
        fixed = with_fixed_range(self, shown)
        self.automatic_range, self.low, self.high = fixed.automatic_range, fixed.low, fixed.high

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Range of the color map; None: from the values."""
        return None if self.automatic_range or self.mode not in SCALAR_MODES else (self.low, self.high)

    @property
    def key(self) -> tuple[object, ...]:
        """Changes whenever the pixels made of an image do."""
        return self.mode, self.head_plane, self.value_range


def shown_pixels(result: ViewResult, options: ImageOptions) -> ViewPixels:
    """Make the pixels that the view shows of a rendered image."""
    assert result.image is not None and result.frame is not None
    camera = scaled_camera(result.request.camera, result.scale)
    return picture(result.image, result.frame, camera, result.config, options)


def picture(
    image: RenderedImage, frame: PreparedFrame, camera: Camera, config: ModelConfig, options: ImageOptions
) -> ViewPixels:
    """Make what is asked for of an image that `camera` saw of `frame`."""
    planes = config.mlp_planes
    return make_view(
        MODES[options.mode],
        image,
        camera,
        options.value_range,
        frame.box,
        config.color_map_resolution,
        planes[min(options.head_plane, len(planes) - 1)],
        config.assignment == "bilinear",
    )


def with_fixed_range(options: ImageOptions, shown: ViewResult | None) -> ImageOptions:
    """The same with the range of the color map that `shown` has, so that it stays while the scene moves."""
    legend = shown_pixels(shown, options).legend if shown is not None else None
    return replace(options) if legend is None else replace(options, automatic_range=False, low=legend.low, high=legend.high)


def shown_look(view: ViewSettings, options: ImageOptions) -> Look:
    """Exposure, gamma and background of the view; exposure and gamma are for colors, not for what stands for numbers."""
    color = view.background_color
    step = 0.09 if sum(color) < 1.5 else -0.09
    red, green, blue = (min(max(value + step, 0.0), 1.0) for value in color)
    neutral = options.mode != "color"
    return Look(
        background=BACKGROUNDS[view.background],
        background_color=color,
        background_color_2=(red, green, blue),
        exposure=0.0 if neutral else view.exposure,
        gamma=1.0 if neutral else view.gamma,
    )
