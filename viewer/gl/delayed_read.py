"""Read pictures one frame late, so that the window does not wait for the graphics card: two pixel buffers in turn."""

from __future__ import annotations

from collections.abc import Callable

import moderngl
import numpy as np
from numpy.typing import NDArray


class DelayedRead:
    """Reads pictures again and again.

    Args:
        context: the window's OpenGL context.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._buffers: list[moderngl.Buffer] = []
        self._size = (0, 0)
        self._waiting = False

    def next(self, source: moderngl.Framebuffer) -> NDArray[np.uint8]:
        """Do as `next_copied` with all of a framebuffer."""
        return self.next_copied(source.size, lambda buffer: source.read_into(buffer, components=3, alignment=1))

    def next_copied(self, size: tuple[int, int], copy: Callable[[moderngl.Buffer], None]) -> NDArray[np.uint8]:
        """Begin to copy a picture and return the one before it; the first one, and the first of a size, are returned at once.

        Args:
            size: width and height, pixels.
            copy: begins to copy the picture, RGB without padding, into a buffer.

        Returns:
            (H, W, 3), row 0 at the top.
        """
        width, height = size
        if self._size != size:
            self.release()
            self._buffers = [self._context.buffer(reserve=width * height * 3, dynamic=True) for _ in range(2)]
            self._size = width, height
        copy(self._buffers[0])
        self._buffers.reverse()
        data = self._buffers[0 if self._waiting else 1].read()
        self._waiting = True
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)[::-1].copy()

    def release(self) -> None:
        """Release the buffers; the next picture is returned at once."""
        for buffer in self._buffers:
            buffer.release()
        self._buffers, self._size, self._waiting = [], (0, 0), False
