"""Copy pixels to main memory while the graphics card renders the next image. Two pixel buffers are used in turn."""

from __future__ import annotations

import itertools

import moderngl


class PixelBuffers:
    """Two buffers. The third copy overwrites the first.

    Args:
        context: the context; current in the calling thread whenever a method is called.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._buffers: list[moderngl.Buffer | None] = [None, None]
        self._copies = [-1, -1]
        self._numbers = itertools.count()

    def start(self, source: moderngl.Texture, size: int) -> int:
        """Begin to copy a texture of `size` bytes; return the number of the copy. Do not wait for it."""
        number = next(self._numbers)
        place = number % 2
        buffer = self._buffers[place]
        if buffer is None or buffer.size != size:
            buffer = self._buffers[place] = self._context.buffer(reserve=size, dynamic=True)
        source.read_into(buffer, alignment=1)
        self._copies[place] = number
        return number

    def take(self, number: int) -> bytes | None:
        """Return the bytes of a copy, waiting for it; None if a later one has overwritten it."""
        buffer = self._buffers[number % 2]
        return buffer.read() if buffer is not None and self._copies[number % 2] == number else None
