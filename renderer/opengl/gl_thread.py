"""A thread that owns an OpenGL context. Renderers are called from several threads, but a context can be current in only one."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

import moderngl

from renderer.backend import DeviceFailed, RenderCancelled
from renderer.opengl.context import StandaloneContext
from renderer.opengl.context_source import ContextSource

Result = TypeVar("Result")


class GlThread:
    """Runs functions one at a time, in order, in a separate thread where an OpenGL context is current.

    Textures and other objects that Python has collected in any thread are freed here, before and after each function.

    Args:
        source: makes the context. What it raises is raised here.
    """

    def __init__(self, source: ContextSource = StandaloneContext()) -> None:
        self._source = source
        # This kind of queue allows `put` to interrupt itself, which happens when Python collects a renderer during it.
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="opengl", daemon=True)
        self._thread.start()
        try:
            self.context: moderngl.Context = self._submit(self._create).result()
        except BaseException:
            self._tasks.put(None)
            raise
        atexit.register(self.close)

    def run(self, function: Callable[[], Result]) -> Result:
        """Run a function in the thread and return its result, or raise what it raises.

        Raises:
            DeviceFailed: the driver rejected an operation, for instance because its memory is full.
            RenderCancelled: the thread was closed.
        """
        with self._lock:
            if self._closed:
                raise RenderCancelled
            future = self._submit(lambda: self._run(function))
        try:
            return future.result()
        finally:
            del future  # an exception keeps this frame: the future that holds it would keep all its textures in a cycle

    def close(self) -> None:
        """Free the context and end the thread after what it is doing now."""
        with self._lock:
            self.end()
        self._thread.join()

    def end(self) -> None:
        """End the thread like `close`, but do not wait and take no lock: Python may call this while it collects a renderer."""
        if not self._closed:
            self._closed = True
            self._tasks.put(None)
            atexit.unregister(self.close)

    def _submit(self, function: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        self._tasks.put((future, function))
        return future

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, function = task
            try:
                future.set_result(function())
            except BaseException as error:  # raised in the calling thread
                future.set_exception(error)
            del task, future, function  # they keep images alive
        if hasattr(self, "context"):
            self._release()

    def _create(self) -> moderngl.Context:
        context = self._source.create()
        context.gc_mode = "context_gc"
        self._unbound = context.framebuffer([context.renderbuffer((1, 1))])
        _ = context.error  # some drivers leave an error behind
        return context

    def _release(self) -> None:
        self.context.gc()
        self._source.release(self.context)

    def _run(self, function: Callable[[], Result]) -> Result:
        # moderngl's collector cannot free what `release` freed before, so nothing in this folder calls `release`.
        self.context.gc()
        try:
            result = function()
        except moderngl.Error as error:
            raise _fault(str(error)) from error
        finally:
            self._unbound.use()  # otherwise moderngl would keep the last framebuffer with its textures
            self.context.gc()
        if (code := self.context.error) != "GL_NO_ERROR":
            raise _fault(code)
        return result


def _fault(text: str) -> DeviceFailed:
    remedy = "close other programs that use the graphics card, or use --backend cpu"
    return DeviceFailed("backend opengl", f"the graphics driver rejected the operation ({text})", remedy)
