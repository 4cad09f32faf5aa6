"""Copy the view to its place on the screen, in the way that software OpenGL does fastest."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import moderngl

from viewer.gl.program import load_program

TEXTURE_2D, BGRA, BYTES = 0x0DE1, 0x80E1, 0x8367
"""Of OpenGL's headers: a kind of texture, and colors that are bytes of a little-endian word, blue first."""

_RGBA = 0x1908

FindFunction = Callable[[str], int]
"""Returns the address of an OpenGL function; 0 if there is none."""


class ScreenPass:
    """Draws a texture into the framebuffer in use. What was there is replaced.

    Args:
        context: the window's OpenGL context.
        find: looks up OpenGL functions of this context; None does not flush, where nothing depends on speed.
    """

    def __init__(self, context: moderngl.Context, find: FindFunction | None) -> None:
        self._context = context
        self._flush = ctypes.CFUNCTYPE(None)(find("glFlush")) if find is not None else lambda: None
        self._program = load_program(context, "screen", "screen")
        self._array = context.vertex_array(self._program, [])

    def draw(self, texture: moderngl.Texture, place: tuple[int, int, int, int]) -> None:
        """Draw a texture, enlarged if it is smaller than its place: left, bottom, width and height in pixels."""
        sampling = moderngl.NEAREST if texture.size == place[2:] else moderngl.LINEAR
        texture.filter = sampling, sampling
        texture.use(0)
        self._context.viewport = place
        self._context.scissor = None
        self._context.disable(moderngl.BLEND | moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._array.render(moderngl.TRIANGLE_STRIP, vertices=4)
        self._flush()  # Mesa's software OpenGL copies slowly wherever it draws something else in the same go

    def release(self) -> None:
        """Release all OpenGL objects."""
        self._array.release()
        self._program.release()


def screen_texture(context: moderngl.Context, size: tuple[int, int], find: FindFunction | None) -> moderngl.Texture:
    """Return a texture of 8 bits per channel that can be drawn into, and that is copied to the screen fast.

    Screens store blue first. Mesa's software OpenGL copies only such textures fast (2.5 ms instead of 6 for 1280x673 pixels).

    Args:
        context: the context in use.
        size: width and height, pixels.
        find: looks up OpenGL functions of this context; None stores red first, where nothing depends on speed.
    """
    texture = context.texture(size, 4)
    texture.repeat_x = texture.repeat_y = False  # otherwise opposite borders mix when it is enlarged
    if find is not None:
        kinds = (ctypes.c_uint, *[ctypes.c_int] * 5, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)
        store = ctypes.CFUNCTYPE(None, *kinds)(find("glTexImage2D"))
        texture.use(0)  # moderngl makes its unit active
        store(TEXTURE_2D, 0, _RGBA, *size, 0, BGRA, BYTES, None)
    return texture
