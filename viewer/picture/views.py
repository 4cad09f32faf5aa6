"""Compute what the view modes show: depth, opacity, normals, samples and color heads."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.scores import psnr
from model.camera import Camera
from model.config import PLANE_AXES
from renderer.backend import RenderedImage
from viewer.picture.color_maps import apply_color_map, legend_ticks

Floats = NDArray[np.float32]

_FAR = np.float32(1e30)  # depth of empty pixels where depths are compared


class View(enum.Enum):
    """View modes. The value is the name that the user sees."""

    COLOR = "color"
    """The rendered image."""
    DEPTH = "depth"
    """Meters along the optical axis."""
    OPACITY = "opacity"
    """Sum of the weights of the kept samples."""
    NORMALS = "normals"
    """Surface directions in world axes, from the depth; x, y, z in -1 to 1 are red, green, blue."""
    DENSITY_SAMPLES = "density samples"
    """Samples of the density pass."""
    COLOR_SAMPLES = "color samples"
    """Samples kept for the color pass."""
    HEADS = "color heads"
    """The color head of one plane that is nearest to the surface. Each head has its own color."""


SCALAR_VIEWS = (View.DEPTH, View.OPACITY, View.DENSITY_SAMPLES, View.COLOR_SAMPLES)
"""Views that are shown through a color map."""

COUNT_VIEWS = (View.DENSITY_SAMPLES, View.COLOR_SAMPLES)
"""Views of the samples per ray, in the order of `RenderedImage.counts`."""


@dataclass(frozen=True)
class Legend:
    """Title and range of a scalar view."""

    title: str
    """Quantity, with its unit."""
    low: float
    """Value of the color map's first color."""
    high: float
    """Value of its last color."""

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round values as (position from 0 to 1, text)."""
        return legend_ticks(self.low, self.high)


@dataclass(frozen=True)
class ViewPixels:
    """Pixels of a view, for the presenter or for `colored`."""

    pixels: Floats
    """(H, W, 4) premultiplied color and opacity, or (H, W, 2) value times opacity and opacity."""
    legend: Legend | None = None
    """For scalar views, those with two channels."""


def make_view(
    view: View,
    image: RenderedImage,
    camera: Camera,
    value_range: tuple[float, float] | None = None,
    box: ArrayLike | None = None,
    heads: int = 16,
    plane: str = "xy",
    bilinear: bool = False,
) -> ViewPixels:
    """Compute a view from a rendered image.

    Args:
        view: the view mode.
        image: the pixels.
        camera: the one it was rendered from, in the image's size.
        value_range: of the color map for scalar views; default: from the values.
        box: (2, 3) corners of the frame, meters; only for HEADS.
        heads: number of heads along each side of the color map; only for HEADS.
        plane: "xy", "xz" or "yz"; only for HEADS.
        bilinear: whether heads lie on nodes and are blended, instead of one per cell; only for HEADS.
    """
    if view is View.COLOR:
        return ViewPixels(image.rgba)
    alpha = image.opacity
    if view is View.NORMALS:
        return ViewPixels(_opaque(0.5 + 0.5 * normals_from_depth(image.depth, camera), alpha, image.depth > 0))
    if view is View.HEADS:
        if box is None:
            raise ValueError("the heads view needs the frame's box")
        index = head_indices(image.depth, camera, box, heads, plane, bilinear)
        return ViewPixels(_opaque(head_colors(heads)[np.maximum(index, 0)], alpha, index >= 0))
    legend = view_legend(view, image, value_range)
    if view is View.DEPTH:
        return _scalar(image.depth, alpha, legend)
    values = alpha if view is View.OPACITY else image.counts[..., COUNT_VIEWS.index(view)].astype(np.float32)
    return _scalar(values, np.ones_like(values), legend)


def view_legend(view: View, image: RenderedImage, value_range: tuple[float, float] | None = None) -> Legend | None:
    """Return the legend of a scalar view of an image; None for other views. `value_range` replaces that of the values."""
    if view not in SCALAR_VIEWS:
        return None
    if view is View.DEPTH:
        return Legend("Depth (m)", *(value_range or depth_range(image)))
    if view is View.OPACITY:
        return Legend("Opacity", *(value_range or (0.0, 1.0)))
    title = "Density samples per ray" if view is View.DENSITY_SAMPLES else "Color samples per ray"
    return Legend(title, *(value_range or (0.0, float(max(image.largest_counts()[COUNT_VIEWS.index(view)], 1)))))


def colored(view: ViewPixels, color_map: str) -> Floats:
    """Return the view as (H, W, 4) premultiplied color and opacity. The color map is applied to values."""
    if view.legend is None:
        return view.pixels
    opacity = view.pixels[..., 1:]
    values = view.pixels[..., 0] / np.maximum(view.pixels[..., 1], 1e-4)
    color = apply_color_map(values, view.legend.low, view.legend.high, color_map).astype(np.float32) / 255.0
    return np.concatenate([color * opacity, opacity], axis=-1)


def depth_range(image: RenderedImage) -> tuple[float, float]:
    """Return the 1st and 99th percentile of the surface's depth, meters; (0, 1) if there is no surface."""
    depths = image.surface_depths()
    if depths.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(depths, (1, 99)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def surface_points(depth: Floats, camera: Camera) -> Floats:
    """Return the (H, W, 3) world position of each pixel at its depth, meters; the camera's center where the depth is 0."""
    per_x, per_y, constant = camera.pixel_to_world.T  # ray = x per_x + y per_y + constant, 1 along the axis
    along_x = (np.arange(camera.width)[:, None] + 0.5) * per_x + constant
    along_y = (np.arange(camera.height)[:, None] + 0.5) * per_y
    rays = along_x.astype(np.float32) + along_y.astype(np.float32)[:, None]
    return rays * depth[..., None] + camera.center.astype(np.float32)


def normals_from_depth(depth: Floats, camera: Camera) -> Floats:
    """Compute unit surface normals in world axes, towards the camera; 0 where the depth or a neighbor is missing.

    Along each image axis the neighbor that is nearer in depth is used, so that outlines stay sharp.

    Args:
        depth: (H, W) meters along the optical axis, 0 where empty.
        camera: the camera of this size.

    Returns:
        (H, W, 3).
    """
    points = surface_points(depth, camera)
    (ax, ay, az), (bx, by, bz) = (np.moveaxis(_nearer_difference(points, depth, axis), -1, 0) for axis in (0, 1))
    normal = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)
    away = np.einsum("hwc,hwc->hw", normal, points - camera.center.astype(np.float32)) > 0
    length = np.sqrt(np.einsum("hwc,hwc->hw", normal, normal))
    usable = (length > 1e-12) & (depth > 0)
    scale = np.where(away, -1.0, 1.0) / np.where(usable, length, np.inf)
    return normal * scale.astype(np.float32)[..., None]


def head_indices(
    depth: Floats, camera: Camera, box: ArrayLike, heads: int, plane: str, bilinear: bool = False
) -> NDArray[np.int64]:
    """Return the color head of a plane that is nearest to the surface of each pixel; -1 where there is no surface.

    Args:
        depth: (H, W) meters.
        camera: the camera of this size.
        box: (2, 3) corners of the frame, meters.
        heads: N, number of heads along each side.
        plane: "xy", "xz" or "yz".
        bilinear: whether heads lie on nodes 1 / (N - 1) apart, instead of one per cell.

    Returns:
        (H, W): index along u times N plus index along v.
    """
    low, high = np.asarray(box, dtype=np.float32)
    position = (surface_points(depth, camera) - low) / np.maximum(high - low, 1e-9)
    uv = position[..., PLANE_AXES[plane]]
    cell = np.rint(uv * (heads - 1)) if bilinear else np.floor(uv * heads)
    cell = np.clip(cell, 0, heads - 1).astype(np.int64)
    return np.where(depth > 0, cell[..., 0] * heads + cell[..., 1], -1)


def head_colors(heads: int) -> Floats:
    """Return a color for each head, (N * N, 3). Neighbors differ clearly in hue or lightness."""
    u, v = np.divmod(np.arange(heads * heads), heads)
    hue = np.modf(0.618034 * u + 0.381966 * 0.618034 * v)[0]  # golden sections: no two neighbors alike
    ramp = np.abs(np.modf(hue[:, None] + np.array([0.0, 2 / 3, 1 / 3]))[0] * 6 - 3) - 1
    lightness = np.where((u + v) % 2 == 0, 1.0, 0.7)
    return (np.clip(ramp, 0.15, 1.0) * lightness[:, None]).astype(np.float32)


def composited_psnr(a: Floats, b: Floats) -> float:
    """Return the `psnr` in dB of two premultiplied (H, W, 4) images over black; infinity when they are equal.

    Raises:
        ValueError: the sizes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"images of {a.shape[1]}x{a.shape[0]} and {b.shape[1]}x{b.shape[0]} pixels cannot be compared")
    error = float(np.mean((np.clip(a[..., :3], 0.0, 1.0) - np.clip(b[..., :3], 0.0, 1.0)) ** 2, dtype=np.float64))
    return psnr(error) if error else float("inf")


def _scalar(values: Floats, opacity: Floats, legend: Legend | None) -> ViewPixels:
    return ViewPixels(np.stack([values * opacity, opacity], axis=-1).astype(np.float32), legend)


def _opaque(color: Floats, alpha: Floats, where: NDArray[np.bool_]) -> Floats:
    opacity = np.where(where, alpha, 0.0)[..., None]
    return np.concatenate([color * opacity, opacity], axis=-1).astype(np.float32)


def _nearer_difference(points: Floats, depth: Floats, axis: int) -> Floats:
    # The difference to the neighbor with the smaller change in depth. Empty neighbors count as far away.
    step, change = np.diff(points, axis=axis), np.abs(np.diff(np.where(depth > 0, depth, _FAR), axis=axis))
    edge = [(0, 0), (0, 0)]
    edge[axis] = (0, 1)
    after_change = np.pad(change, edge, constant_values=np.inf)
    after = np.pad(step, [*edge, (0, 0)])
    edge[axis] = (1, 0)
    before_change = np.pad(change, edge, constant_values=np.inf)
    before = np.pad(step, [*edge, (0, 0)])
    nearer = np.where((after_change <= before_change)[..., None], after, before)
    return np.where((np.minimum(after_change, before_change) < 0.5 * _FAR)[..., None], nearer, 0.0)
