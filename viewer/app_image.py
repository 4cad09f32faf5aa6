"""What is made of a rendered image for the view: color, depth, opacity, samples, ..."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.render_worker import ViewResult, scaled_camera
from viewer.views import View, ViewPixels, make_view

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
    camera, config = scaled_camera(result.request.camera, result.scale), result.config
    planes = config.mlp_planes
    return make_view(
        MODES[options.mode],
        result.image,
        camera,
        options.value_range,
        result.frame.box,
        config.color_map_resolution,
        planes[min(options.head_plane, len(planes) - 1)],
        config.assignment == "bilinear",
    )
