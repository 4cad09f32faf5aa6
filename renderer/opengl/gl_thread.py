"""A thread that owns an OpenGL context. Renderers are called from several threads, but a context can be current in only one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import moderngl

from common.errors import InputError

Result = TypeVar("Result")


class GlThread:
    """Runs functions one at a time, in order, in a separate thread where an OpenGL context is current.

    Textures and other objects that Python has collected in any thread are freed here, before and after each function.

    Args:
        create: makes the context; called in the thread. What it raises is raised here.
    """

    def __init__(self, create: Callable[[], moderngl.Context]) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="opengl")
        self.context: moderngl.Context = self._executor.submit(create).result()
        self.context.gc_mode = "context_gc"

    def run(self, function: Callable[[], Result]) -> Result:
        """Run a function in the thread and return its result, or raise what it raises.

        Raises:
            InputError: the driver rejected an operation, for instance because its memory is full.
        """
        return self._executor.submit(self._run, function).result()

    def close(self) -> None:
        """Free the context and end the thread."""
        self._executor.submit(self.context.release).result()
        self._executor.shutdown()

    def _run(self, function: Callable[[], Result]) -> Result:
        # moderngl's collector cannot free what `release` freed before, so nothing in this folder calls `release`.
        self.context.gc()
        try:
            return function()
        except moderngl.Error as error:
            remedy = "close other programs that use the graphics card, or use --backend cpu"
            raise InputError("backend opengl", f"the graphics driver rejected the operation ({error})", remedy) from error
        finally:
            self.context.gc()
