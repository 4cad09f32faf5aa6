"""The shadow on the ground under a subject: the share of an evenly bright sky that it hides.

The subject is divided into layers by height. The opacity of each is rendered from far above, with any backend. A patch of a
layer at height h hides from a point of the ground, at the horizontal distance r, the share h^2 / (pi (h^2 + r^2)^2) of the sky
per square meter (the form factor of parallel patches). The shares of a layer are added up, and the layers dim one after
another. So the shadow is dark and sharp where something touches the ground, and faint and wide under what is high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.box import box_corners
from model.camera import Camera
from renderer.backend import CancelToken, PreparedFrame, Renderer, RenderSettings

PIXELS = 50
"""Pixels of a shadow per height of the subject."""

SIDES = (16, 256)
"""Fewest and most pixels along a side of a shadow."""

LAYERS = (0.0, 0.04, 0.15, 0.4, 1.0)
"""Borders of the layers, as fractions of the subject's height."""

MARGIN = 0.6
"""Room for the shadow around the subject, as a fraction of its height."""

FADE = 0.15
"""Fraction of the shadow's side within which it fades out toward its border."""

FAR = 100.0
"""Distance of the camera, as a multiple of the largest extent of the subject: rays are nearly parallel."""

BAND_PIXELS = 1 << 18
"""Largest number of pixels whose rays are computed at once."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GroundPlane:
    """A plane on which the shadow lies."""

    axes: tuple[tuple[float, float, float], ...]
    """Two horizontal directions and the one up: a right-handed basis of unit vectors."""
    height: float
    """Height of the plane above the origin, meters."""

    @property
    def basis(self) -> Array:
        """(3, 3): the rows are `axes`."""
        return np.asarray(self.axes, np.float64)


@dataclass(frozen=True, eq=False)
class GroundShadow:
    """A shadow on a plane."""

    plane: GroundPlane
    """Where it lies."""
    corner: tuple[float, float]
    """Lower corner along both horizontal axes, meters."""
    size: tuple[float, float]
    """Extent along both horizontal axes, meters."""
    darkness: NDArray[np.float32]
    """(H, W) from 0 to 1: the share of the sky that is hidden. Columns go along the first axis, rows along the second one."""


def ground_shadow(
    renderer: Renderer,
    frame: PreparedFrame,
    plane: GroundPlane,
    settings: RenderSettings = RenderSettings(),
    cancel: CancelToken | None = None,
) -> GroundShadow | None:
    """Compute the shadow of a frame; None if nothing is above the plane.

    Args:
        renderer: the backend that prepared the frame. If it finds the opacity of a view in less time than its colors, it has
            `opacity(frame, camera, settings, cancel=...)`.
        frame: the frame.
        plane: where the shadow lies.
        settings: step, threshold and crop box of the picture.
        cancel: ends it early, with `RenderCancelled`.
    """
    corners = box_corners(settings.clip(frame.box)) @ plane.basis.T
    low, high = corners.min(0), corners.max(0)
    tall = high[2] - plane.height
    if tall <= 0 or not (high > low).all():
        return None
    margin = MARGIN * tall
    corner, size = low[:2] - margin, high[:2] - low[:2] + 2 * margin
    away = FAR * float(max(*size, tall))
    columns, rows = np.ceil(size / tall * PIXELS).clip(*SIDES).astype(int).tolist()
    camera = _camera_above(plane, corner, size, away, (columns, rows))
    lit = np.ones((rows, columns))
    for first, last in pairwise(LAYERS):
        depths = away - last * tall, away - first * tall
        opacity = _opacity(renderer, frame, camera, replace(settings, depth_range=depths), cancel)
        lit *= 1 - hidden_sky(opacity[::-1], (first + last) / 2 * tall, size)
    darkness = ((1 - lit) * _border(columns) * _border(rows)[:, None]).clip(0, 1).astype(np.float32)
    return GroundShadow(plane, (float(corner[0]), float(corner[1])), (float(size[0]), float(size[1])), darkness)


def _opacity(
    renderer: Renderer, frame: PreparedFrame, camera: Camera, settings: RenderSettings, cancel: CancelToken | None
) -> NDArray[np.float32]:
    quick: Callable[..., NDArray[np.float32]] | None = getattr(renderer, "opacity", None)
    if quick is not None:
        return quick(frame, camera, settings, cancel=cancel)
    return renderer.render(frame, camera, settings, cancel=cancel).opacity


def _camera_above(plane: GroundPlane, corner: Array, size: Array, away: float, pixels: tuple[int, int]) -> Camera:
    """Return a camera `away` meters above the plane that sees a rectangle of it; row 0 is at its upper end."""
    width, height = pixels
    x, y, up = plane.basis
    middle = corner + size / 2
    eye = middle[0] * x + middle[1] * y + (plane.height + away) * up
    R = np.stack([x, -y, -up])
    K = np.array([[width * away / size[0], 0, width / 2], [0, height * away / size[1], height / 2], [0, 0, 1]])
    return Camera(width, height, K, R, -R @ eye)


def hidden_sky(opacity: NDArray[np.float32], height: float, size: Array) -> Array:
    """Return the share of the sky that a layer hides from each point of the ground, (H, W) from 0 to 1.

    Args:
        opacity: (H, W) of the layer, seen from above.
        height: of the layer over the ground, meters.
        size: (2,) extent of the image along columns and rows, meters.
    """
    rows, columns = opacity.shape
    pixel = np.asarray(size) / (columns, rows)
    height = max(height, float(pixel.max()))  # a smaller one would fall between the pixels
    x, y = (np.fft.fftfreq(2 * count, 1 / (2 * count)) * step for count, step in zip((columns, rows), pixel, strict=True))
    share = height**2 / (np.pi * (height**2 + x**2 + y[:, None] ** 2) ** 2) * pixel.prod()
    spread = np.fft.irfft2(np.fft.rfft2(opacity, share.shape) * np.fft.rfft2(share), share.shape)
    hidden: Array = spread[:rows, :columns].clip(0, 1)
    return hidden


def _border(side: int) -> Array:
    """Return factors that fade to 0 towards both ends, (side,)."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) / (FADE * side)
    ramp = distance.clip(0, 1)
    smooth: Array = ramp * ramp * (3 - 2 * ramp)
    return smooth


def shadow_opacity(shadow: GroundShadow, camera: Camera, strength: float = 1.0) -> NDArray[np.float32]:
    """Return how dark the shadow is behind each pixel, (H, W) from 0 to 1; 0 where the plane is not seen from above.

    Args:
        shadow: the shadow.
        camera: the view.
        strength: factor of its darkness.
    """
    basis, height = shadow.plane.basis, shadow.plane.height
    eye = basis @ camera.center
    if eye[2] <= height:
        return np.zeros((camera.height, camera.width), np.float32)
    to_plane = basis @ camera.pixel_to_world
    found = np.zeros((camera.height, camera.width), np.float32)
    for rows, ray in pixel_rays(to_plane, camera.width, camera.height):
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(ray[2] < 0, (height - eye[2]) / ray[2], np.nan)
            u, v = ((eye[i] + distance * ray[i] - shadow.corner[i]) / shadow.size[i] for i in (0, 1))
        inside = (u > 0) & (u < 1) & (v > 0) & (v < 1)
        found[rows][inside] = strength * bilinear(shadow.darkness[..., None], u[inside], v[inside])[:, 0]
    return found


def pixel_rays(matrix: Array, width: int, height: int) -> Iterator[tuple[slice, Array]]:
    """Yield the directions through the pixels of an image in bands of rows, so that large images take little memory.

    Args:
        matrix: (3, 3), from homogeneous pixels to directions.
        width, height: of the image.

    Yields:
        The rows of a band, and the directions of its pixels, (3, rows, width).
    """
    count = max(1, BAND_PIXELS // width)
    columns = np.arange(width) + 0.5
    for first in range(0, height, count):
        rows = np.arange(first, min(first + count, height))[:, None] + 0.5
        yield slice(first, first + count), np.stack([m[0] * columns + m[1] * rows + m[2] for m in matrix])


def bilinear(pixels: NDArray[np.float32] | NDArray[np.uint8], u: Array, v: Array, wrap: bool = False) -> NDArray[np.float32]:
    """Look up an image between its pixels, as textures of OpenGL do.

    Args:
        pixels: (H, W, C).
        u, v: (N,) from 0 at the left and at row 0 to 1.
        wrap: whether the left border continues the right one; otherwise pixels at borders continue outwards.

    Returns:
        (N, C).
    """
    height, width = pixels.shape[:2]
    x, y = u * width - 0.5, v * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (x - left).astype(np.float32)[:, None], (y - top).astype(np.float32)[:, None]
    columns = [(left + i) % width if wrap else (left + i).clip(0, width - 1) for i in (0, 1)]
    rows = [(top + i).clip(0, height - 1) for i in (0, 1)]
    upper = pixels[rows[0], columns[0]] * (1 - across) + pixels[rows[0], columns[1]] * across
    lower = pixels[rows[1], columns[0]] * (1 - across) + pixels[rows[1], columns[1]] * across
    result: NDArray[np.float32] = upper * (1 - down) + lower * down
    return result
