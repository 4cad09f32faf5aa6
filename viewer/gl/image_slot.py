"""The textures of one image in the view: what is shown of it, and the surface that hides lines."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray


class StreamedTexture:
    """A texture of floats whose pixels are replaced again and again; it is made again when their size changes."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._texture: moderngl.Texture | None = None

    def sized(self, width: int, height: int, components: int) -> moderngl.Texture:
        """Return the texture with this size."""
        texture = self._texture
        if texture is None or texture.size != (width, height) or texture.components != components:
            self.release()
            texture = self._texture = self._context.texture((width, height), components, dtype="f4")
            texture.repeat_x = texture.repeat_y = False
        return texture

    def release(self) -> None:
        """Release the texture."""
        if self._texture is not None:
            self._texture.release()
        self._texture = None


class ImageSlot:
    """The first or the second image of a view.

    Args:
        context: the window's OpenGL context.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._own_color, self._own_depth = StreamedTexture(context), StreamedTexture(context)
        self._kept: object = None
        self._made: moderngl.Texture | None = None
        self._color: moderngl.Texture | None = None
        self._surface: tuple[moderngl.Texture, moderngl.Texture] | None = None
        self._waiting_surface: NDArray[np.float32] | None = None
        self.memory: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        """Color (H, W, 4) and depth (H, W) of an image in main memory; None for any other image."""

    @property
    def color(self) -> moderngl.Texture | None:
        """Premultiplied color and opacity, or value times opacity and opacity; None while there is no image."""
        if self._color is None and self.memory is not None:
            self._upload_image(*self.memory)
        return self._color

    @property
    def surface(self) -> tuple[moderngl.Texture, moderngl.Texture] | None:
        """A texture with the opacity in its alpha, and one with the depth in meters; None hides no lines."""
        if self._waiting_surface is not None:
            texture = self._depth_texture(self._waiting_surface)
            self._surface, self._waiting_surface = (texture, texture), None  # a texture of one component is opaque everywhere
        if self._surface is None and self.memory is not None:
            self._upload_image(*self.memory)
        return self._surface

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, pixels; None while there is no image."""
        if self.memory is not None:
            height, width = self.memory[1].shape
            return width, height
        return None if self._color is None else self._color.size

    @property
    def components(self) -> int:
        """Numbers per pixel: 4 for a color, 2 for a value; 0 while there is no image."""
        if self.memory is not None:
            return 4
        return 0 if self._color is None else int(self._color.components)

    def upload(self, pixels: NDArray[np.float32]) -> None:
        """Show (H, W, C) float32."""
        self._replace_kept()
        self._write_color(pixels)

    def keep(self, rgba: NDArray[np.float32], depth: NDArray[np.float32]) -> None:
        """Show an image in main memory, (H, W, 4) and (H, W) meters. It is uploaded when its textures are first asked for."""
        self._replace_kept()
        self._color = self._surface = None
        self.memory = rgba, depth

    def upload_from(self, width: int, height: int, buffer: moderngl.Buffer) -> None:
        """Show a pixel buffer that holds (height, width, 4) float32."""
        self._replace_kept()
        self._color = self._own_color.sized(width, height, 4)
        self._color.write(buffer)

    def _replace_kept(self) -> None:
        self.memory = self._waiting_surface = None
        if self._kept is not None:
            self.release()

    def _write_color(self, pixels: NDArray[np.float32]) -> moderngl.Texture:
        height, width, components = pixels.shape
        color = self._color = self._own_color.sized(width, height, components)
        color.write(np.ascontiguousarray(pixels, dtype=np.float32))
        return color

    def _depth_texture(self, depth: NDArray[np.float32]) -> moderngl.Texture:
        texture = self._own_depth.sized(depth.shape[1], depth.shape[0], 1)
        texture.write(np.ascontiguousarray(depth, dtype=np.float32))
        return texture

    def upload_surface(self, depth: NDArray[np.float32]) -> None:
        """Set the surface to (H, W) meters, infinite where it is empty. It is uploaded when it is first asked for."""
        self._surface, self._waiting_surface = None, depth

    def _upload_image(self, rgba: NDArray[np.float32], depth: NDArray[np.float32]) -> None:
        """Set color and surface to those of an image; the color's alpha is the opacity of the surface."""
        color = self._write_color(rgba)
        self._surface, self._waiting_surface = (color, self._depth_texture(depth)), None

    def upload_depth_from(self, width: int, height: int, buffer: moderngl.Buffer) -> None:
        """Set the surface to a pixel buffer that holds (height, width) float32; the color's alpha is its opacity."""
        assert self._color is not None
        texture = self._own_depth.sized(width, height, 1)
        texture.write(buffer)
        self._surface, self._waiting_surface = (self._color, texture), None

    def show(self, color: moderngl.Texture, depth: moderngl.Texture, keep: object) -> None:
        """Show textures of another context that shares them; `keep` is what owns them."""
        self.release()
        self._kept = keep
        self._color, shared_depth = (
            self._context.external_texture(texture.glo, texture.size, texture.components, 0, "f4") for texture in (color, depth)
        )
        self._surface = self._color, shared_depth

    def show_made(self, color: moderngl.Texture) -> None:
        """Show another picture of the image whose textures were shown last; it stays the surface. `color` is released here."""
        self._made = self._color = color

    def holds(self, owner: object) -> bool:
        """Return whether it shows textures of this owner."""
        return self._kept is not None and self._kept is owner

    def depth_at(self, column: int, row: int) -> float:
        """Read one pixel of the depth, meters."""
        assert self.surface is not None
        target = self._context.framebuffer([self.surface[1]])
        value = np.frombuffer(target.read(viewport=(column, row, 1, 1), components=1, dtype="f4"), np.float32)[0]
        target.release()
        return float(value)

    def release(self) -> None:
        """Release the textures. Those of another context stay; only what wraps them is released."""
        if self._kept is not None and self._surface is not None:
            for texture in self._surface:
                texture.release()
        if self._made is not None:
            self._made.release()
        self._made = None
        self._own_color.release()
        self._own_depth.release()
        self._color = self._surface = self._kept = self.memory = self._waiting_surface = None
