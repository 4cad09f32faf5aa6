"""The window's OpenGL context, wrapped by moderngl."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import imgui_bundle  # noqa: F401 - before glfw: both must share one libglfw
import moderngl
import numpy as np
from imgui_bundle import imgui
from numpy.typing import NDArray

_READ_FRAMEBUFFER, _PACK_ALIGNMENT, _RGB, _UNSIGNED_BYTE = 0x8CA8, 0x0D05, 0x1907, 0x1401  # of OpenGL's headers
_PIXEL_PACK_BUFFER = 0x88EB


class GlfwLoader:
    """Looks up OpenGL functions through GLFW, so that moderngl works with the window's context.

    moderngl's own look-up keeps the first context of the process and crashes on the second.
    """

    def load_opengl_function(self, name: str) -> int:
        """Return the address of an OpenGL function in the current context; 0 if there is none."""
        import glfw  # noqa: PLC0415 - only after imgui_bundle

        return int(glfw.get_proc_address(name) or 0)

    load = load_opengl_function

    def release(self) -> None:
        """Do nothing."""

    def __enter__(self) -> GlfwLoader:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def create_context() -> moderngl.Context:
    """Wrap the current OpenGL context (3.3 core at least)."""
    return moderngl.create_context(require=330, context=GlfwLoader())  # type: ignore[arg-type]


class ImageTextures:
    """Textures for images that panels show with `imgui.image`, by name. Each is replaced when its content changes."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._textures: dict[str, tuple[object, moderngl.Texture]] = {}

    def get(self, name: str, version: object, pixels: Callable[[], Any], nearest: bool = True) -> imgui.ImTextureRef:
        """Return the texture called `name`. `pixels`, which returns (H, W, 4) uint8, is called if `version` is new."""
        known = self._textures.get(name)
        if known is None or known[0] != version:
            image = pixels()
            if known is not None:
                known[1].release()
            texture = self._context.texture((image.shape[1], image.shape[0]), 4, image.tobytes())
            sampling = moderngl.NEAREST if nearest else moderngl.LINEAR
            texture.filter = (sampling, sampling)
            known = self._textures[name] = (version, texture)
        return imgui.ImTextureRef(known[1].glo)

    def release(self) -> None:
        """Release all textures."""
        for _, texture in self._textures.values():
            texture.release()
        self._textures.clear()


def read_screen(width: int, height: int) -> NDArray[np.uint8]:
    """Read the pixels of the window, (H, W, 3), row 0 at the top. Call this before the buffers are swapped."""
    pixels = np.empty((height, width, 3), np.uint8)
    _read_pixels(width, height, pixels.ctypes.data)
    return pixels[::-1].copy()


def copy_screen(width: int, height: int, buffer: moderngl.Buffer) -> None:
    """Begin to copy the pixels of the window into a buffer, row 0 at the bottom. Call this before the buffers are swapped."""
    bind = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint)(GlfwLoader().load_opengl_function("glBindBuffer"))
    bind(_PIXEL_PACK_BUFFER, buffer.glo)
    _read_pixels(width, height, None)
    bind(_PIXEL_PACK_BUFFER, 0)


def _read_pixels(width: int, height: int, place: int | None) -> None:
    """Read the window's pixels to an address, or to the start of the buffer that is bound."""
    load = GlfwLoader().load_opengl_function
    bind = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint)(load("glBindFramebuffer"))
    store = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_int)(load("glPixelStorei"))
    arguments = (ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)
    read = ctypes.CFUNCTYPE(None, *arguments)(load("glReadPixels"))
    bind(_READ_FRAMEBUFFER, 0)
    store(_PACK_ALIGNMENT, 1)
    read(0, 0, width, height, _RGB, _UNSIGNED_BYTE, place)
