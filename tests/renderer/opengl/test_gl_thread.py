"""The thread of an OpenGL context: results, errors, its end, and its end by Python's collector."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref

import moderngl
import pytest

from renderer.backend import DeviceFailed, RenderCancelled
from renderer.opengl.gl_thread import GlThread
from renderer.opengl.renderer import OpenGLRenderer
from tests.waiting import TIMEOUT


def test_results_and_errors_come_back_in_order() -> None:
    thread, order = GlThread(), []
    assert thread.run(lambda: order.append(1) or threading.current_thread().name) == "opengl"  # type: ignore[func-returns-value]
    with pytest.raises(ZeroDivisionError):
        thread.run(lambda: 1 // 0)
    assert thread.run(lambda: 7) == 7 and order == [1]
    thread.close()
    thread.close()
    with pytest.raises(RenderCancelled):
        thread.run(lambda: 1)


def test_an_error_of_the_driver_is_noticed_after_the_call_that_made_it() -> None:
    thread = GlThread()

    def wrong() -> None:
        thread.context.clear_samplers(-9, -1)
        moderngl.Texture.bind_to_image(thread.context.texture((1, 1), 4), 99999)

    with pytest.raises(DeviceFailed, match="GL_INVALID"):
        thread.run(wrong)
    assert thread.run(lambda: 1) == 1, "an error is reported once"
    thread.close()


def test_a_cancelled_call_keeps_nothing_that_only_the_collector_frees() -> None:
    thread = GlThread()

    def cancelled() -> weakref.ref[moderngl.Texture]:
        texture = thread.run(lambda: thread.context.texture((1, 1), 4))

        def stop() -> None:
            assert texture.size == (1, 1)
            raise RenderCancelled

        with contextlib.suppress(RenderCancelled):
            thread.run(stop)
        return weakref.ref(texture)

    gc.disable()
    try:
        assert cancelled()() is None
    finally:
        gc.enable()
    thread.close()


def test_a_context_that_cannot_be_made_is_an_error_at_once() -> None:
    class Source:
        def create(self) -> moderngl.Context:
            raise OSError("no driver")

        def release(self, context: moderngl.Context) -> None:
            raise AssertionError

    before = set(threading.enumerate())
    with pytest.raises(OSError, match="no driver"):
        GlThread(Source())
    for thread in set(threading.enumerate()) - before:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def test_python_may_collect_a_renderer_anywhere() -> None:
    """Also in the middle of a call that holds the locks of Python's executors, or of another renderer's thread."""
    from concurrent.futures import thread as executors

    renderer, other = OpenGLRenderer(1), GlThread()
    worker = renderer._gl._thread
    holder = [renderer]
    del renderer

    def collect() -> None:
        with executors._global_shutdown_lock, other._lock:
            holder.clear()
            gc.collect()

    collecting = threading.Thread(target=collect, daemon=True)
    collecting.start()
    collecting.join(TIMEOUT)
    assert not collecting.is_alive(), "the collector waits for a lock"
    worker.join(TIMEOUT)
    assert not worker.is_alive()
    other.close()
