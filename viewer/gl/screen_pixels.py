"""Turn images in main memory into pixels of the screen with the native kernels, which is faster than software OpenGL."""

from __future__ import annotations

import ctypes
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from common.native import has_native
from renderer.backend import SURFACE_OPACITY
from renderer.native import load_native
from viewer.gl.screen_pass import BGRA, BYTES, TEXTURE_2D, FindFunction


class ScreenPixels:
    """Blends images with a color and writes them into textures of `screen_texture`.

    Args:
        find: looks up OpenGL functions of the window's context; None without a window, where nothing depends on speed.
    """

    def __init__(self, find: FindFunction | None) -> None:
        self.usable = find is not None and has_native("mlpvid_kernels")
        """Whether the window and the native kernels are there."""
        if not self.usable or find is None:
            return
        kinds = (ctypes.c_uint, *[ctypes.c_int] * 5, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)
        self._store = ctypes.CFUNCTYPE(None, *kinds)(find("glTexSubImage2D"))
        self._kernels: Any = load_native().Engine(1)
        self._pixels = np.zeros((0, 0), np.uint32)

    def write(
        self,
        texture: moderngl.Texture,
        rgba: NDArray[np.float32],
        depth: NDArray[np.float32],
        background: tuple[float, float, float],
    ) -> NDArray[np.float32]:
        """Write an image over a background into a texture of its size, row 0 at the bottom.

        Args:
            texture: the texture.
            rgba: (H, W, 4) premultiplied color and opacity.
            depth: (H, W) meters.
            background: red, green and blue, 0 to 1.

        Returns:
            The (H, W) depth in meters, infinite where it is too transparent to hide lines.
        """
        if self._pixels.shape != depth.shape:
            self._pixels = np.zeros(depth.shape, np.uint32)
        surface = np.empty(depth.shape, np.float32)
        rgba, depth = (np.ascontiguousarray(array, np.float32) for array in (rgba, depth))
        self._kernels.screen_pixels(rgba, depth, background, SURFACE_OPACITY, self._pixels, surface)
        texture.use(0)  # moderngl makes its unit active
        self._store(TEXTURE_2D, 0, 0, 0, *texture.size, BGRA, BYTES, self._pixels.ctypes.data)
        return surface
