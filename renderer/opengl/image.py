"""A rendered image in textures. It is copied to main memory only when its arrays are read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import moderngl
import numpy as np
from numpy.typing import NDArray

from renderer.backend import RenderedImage, RenderStatistics
from renderer.opengl.pixel_buffers import PixelBuffers

FORMATS = {"rgba": (4, "f4"), "depth": (1, "f4"), "counts": (2, "u2")}
"""Components and type of each texture."""


class Owner(Protocol):
    """The renderer that made an image. It has the context."""

    def run(self, function: Callable[[moderngl.Context], Any]) -> Any:
        """Run a function with the context in its thread."""

    def summary(self, textures: ImageTextures) -> NDArray[np.float32]:
        """Return what `ImageSummaries.of` returns."""

    def squared_error(self, first: ImageTextures, second: ImageTextures) -> float:
        """Return the mean squared difference of the colors of two images over black."""


@dataclass(frozen=True)
class ImageTextures:
    """The textures of an image. Row 0 is at the top."""

    rgba: moderngl.Texture
    """(H, W, 4) float32."""
    depth: moderngl.Texture
    """(H, W) float32."""
    counts: moderngl.Texture
    """(H, W, 2) uint16."""

    def framebuffer(self, context: moderngl.Context) -> moderngl.Framebuffer:
        """Return a framebuffer that writes them."""
        return context.framebuffer([self.rgba, self.depth, self.counts])


def create_textures(context: moderngl.Context, width: int, height: int) -> ImageTextures:
    """Create the textures of an image without clearing them."""
    made = {name: context.texture((width, height), count, dtype=dtype) for name, (count, dtype) in FORMATS.items()}
    for name, texture in made.items():
        texture.repeat_x = texture.repeat_y = False
        how = moderngl.LINEAR if name == "rgba" else moderngl.NEAREST
        texture.filter = (how, how)
    return ImageTextures(**made)


class OpenGLImage(RenderedImage):
    """A `RenderedImage` whose arrays are read back when they are first used; DeviceFailed when the driver fails then.

    Args:
        owner: the renderer.
        textures: the pixels.
        statistics: the cost.
        buffers: for `start_reading`.
        shared: whether a window's context shares the textures, which are complete.
    """

    def __init__(
        self,
        owner: Owner,
        textures: ImageTextures,
        statistics: RenderStatistics,
        buffers: PixelBuffers,
        shared: bool = False,
    ) -> None:
        self.textures, self.statistics, self.shared = textures, statistics, shared
        self._owner, self._buffers = owner, buffers
        self._arrays: dict[str, NDArray[Any]] = {}
        self._copy: int | None = None
        self._summary: NDArray[np.float32] | None = None
        self._lock = threading.Lock()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        width, height = self.textures.rgba.size
        return width, height

    @property
    def rgba(self) -> NDArray[np.float32]:  # type: ignore[override]
        """(H, W, 4) premultiplied color and opacity."""
        return self._array("rgba")

    @property
    def depth(self) -> NDArray[np.float32]:  # type: ignore[override]
        """(H, W) meters along the camera's z axis."""
        return self._array("depth")

    @property
    def counts(self) -> NDArray[np.uint16]:  # type: ignore[override]
        """(H, W, 2) samples of both passes."""
        return self._array("counts")

    def surface_depths(self) -> NDArray[np.float32]:
        """Return the depths of the surface on a grid, meters."""
        depths = self._summarized()[:, 0]
        return depths[depths > 0]

    def largest_counts(self) -> tuple[int, int]:
        """Return the most samples of a ray in both passes."""
        density, color = self._summarized()[:, 1:].max(axis=0).tolist()
        return int(density), int(color)

    def squared_error(self, other: RenderedImage) -> float | None:
        """Compare with another image of the same renderer."""
        if not isinstance(other, OpenGLImage) or other._owner is not self._owner:
            return None
        return self._owner.squared_error(self.textures, other.textures)

    def start_reading(self) -> None:
        """Begin to copy the color to main memory, in one of two buffers."""
        width, height = self.size
        self._copy = self._owner.run(lambda _: self._buffers.start(self.textures.rgba, 16 * width * height))

    def fetch(self) -> None:
        """Copy color and depth to main memory now."""
        _ = self.rgba, self.depth

    def _summarized(self) -> NDArray[np.float32]:
        with self._lock:
            if self._summary is None:
                self._summary = self._owner.summary(self.textures)
            return self._summary

    def _array(self, name: str) -> NDArray[Any]:
        with self._lock:
            if name not in self._arrays:
                components, dtype = FORMATS[name]
                pixels = np.frombuffer(self._owner.run(lambda _: self._bytes(name)), np.dtype(dtype))
                shape = self.size[::-1] if components == 1 else (*self.size[::-1], components)
                self._arrays[name] = pixels.reshape(shape)
            return self._arrays[name]

    def _bytes(self, name: str) -> bytes:
        copied = self._buffers.take(self._copy) if name == "rgba" and self._copy is not None else None
        texture: moderngl.Texture = getattr(self.textures, name)
        return copied if copied is not None else texture.read(alignment=1)
