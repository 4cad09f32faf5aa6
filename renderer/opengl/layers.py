"""Draw into the layers of texture arrays."""

from __future__ import annotations

from collections.abc import Iterator

import moderngl

from renderer.opengl.programs import Program

Rectangle = tuple[int, int, int, int]
"""x, y, width, height."""

MAX_FETCHES = 1 << 27
"""Texel fetches of a draw call, so that none takes longer than some 50 ms on a slow card."""


class Layers:
    """Draws layered programs into a texture array.

    Args:
        context: the renderer's context.
        target: the texture array.
    """

    def __init__(self, context: moderngl.Context, target: moderngl.TextureArray) -> None:
        self._context = context
        self._size = target.size[:2]
        self._framebuffer = context.framebuffer([target])  # type: ignore[list-item]
        self._framebuffer.use()

    def draw(self, program: Program, layers: int, first: int = 0, rectangle: Rectangle | None = None, fetches: int = 1) -> None:
        """Draw into some layers, over their whole area or in a rectangle.

        Args:
            program: the program.
            layers: how many.
            first: the first one.
            rectangle: the texels to write.
            fetches: texel fetches for each of them. Work that takes long is split into bands.
        """
        width, height = self._size
        program.set(target_size=(width, height), first_layer=first)
        for index, band in enumerate(bands(rectangle or (0, 0, width, height), layers * fetches)):
            if index:
                self._context.finish()  # otherwise drivers may join the draw calls
            program.set(rectangle=band)
            program.draw(layers)


def bands(rectangle: Rectangle, fetches: int) -> Iterator[Rectangle]:
    """Split a rectangle into bands of at most `MAX_FETCHES` fetches, or of one row; `fetches` is the number per texel."""
    x, y, width, height = rectangle
    rows = max(1, MAX_FETCHES // max(1, fetches * width))
    for top in range(y, y + height, rows):
        yield x, top, width, min(rows, y + height - top)
