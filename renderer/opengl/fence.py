"""Fences: one context waits, on the graphics card, for what another one draws. moderngl has no functions for them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_COMMANDS_COMPLETE, _NO_TIMEOUT = 0x9117, 0xFFFFFFFFFFFFFFFF  # of OpenGL's headers


class Fences:
    """OpenGL's functions for fences.

    Args:
        load: returns the address of a function of the context that is current in the calling thread.
    """

    def __init__(self, load: Callable[[str], int]) -> None:
        handle, flags = ctypes.c_void_p, ctypes.c_uint
        self._insert = ctypes.CFUNCTYPE(handle, ctypes.c_uint, flags)(load("glFenceSync"))
        self._flush = ctypes.CFUNCTYPE(None)(load("glFlush"))
        self._wait = ctypes.CFUNCTYPE(None, handle, flags, ctypes.c_uint64)(load("glWaitSync"))
        self._delete = ctypes.CFUNCTYPE(None, handle)(load("glDeleteSync"))
        self._unused: list[int] = []

    def insert(self) -> Fence:
        """Return a fence after all commands so far, and send them to the card; delete unused fences."""
        while self._unused:
            self._delete(self._unused.pop())
        fence = Fence(int(self._insert(_COMMANDS_COMPLETE, 0) or 0), self._unused)
        self._flush()
        return fence

    def wait(self, fence: Fence) -> None:
        """Let the card wait for a fence of another context before it draws more. The calling thread does not wait."""
        if fence.handle:
            self._wait(fence.handle, 0, _NO_TIMEOUT)


class Fence:
    """A point in the commands of a context."""

    def __init__(self, handle: int, unused: list[int]) -> None:
        self.handle = handle
        """OpenGL's handle; 0 if the driver could not make one."""
        self._unused = unused

    def __del__(self) -> None:
        # Called in any thread, but only a thread with the context can delete the fence.
        if self.handle:
            self._unused.append(self.handle)
