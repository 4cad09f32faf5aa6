"""Background work of which only the latest request matters."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from renderer.threads import lower_priority

_Key = TypeVar("_Key")
_Outcome = TypeVar("_Outcome")


class LatestTask(Generic[_Key, _Outcome]):
    """Computes the latest request on a separate thread. Earlier requests that have not begun are dropped.

    Call all methods from one thread, the window's.

    Args:
        name: name of the thread.
        wake: called on that thread when an outcome is ready.
    """

    def __init__(self, name: str, wake: Callable[[], None] = lambda: None) -> None:
        self._pool = ThreadPoolExecutor(1, name, lower_priority)
        self._wake = wake
        self._running: tuple[_Key, Future[_Outcome]] | None = None
        self._waiting: tuple[_Key, Callable[[], _Outcome]] | None = None

    @property
    def busy(self) -> bool:
        """Whether work is running or an outcome has not been polled."""
        return self._running is not None

    def submit(self, key: _Key, compute: Callable[[], _Outcome]) -> None:
        """Submit a task, unless it is the one submitted last.

        Args:
            key: identifies the task among others.
            compute: returns the outcome; runs on the other thread.
        """
        newest = self._waiting or self._running
        if newest is not None and newest[0] == key:
            return
        self._waiting = key, compute
        self._begin()

    def poll(self) -> tuple[_Key, _Outcome] | None:
        """Return the key and the outcome of a task that ended since the last call, or None.

        Raises:
            Exception: the work raised it.
        """
        if self._running is None or not self._running[1].done():
            return None
        key, future = self._running
        self._running = None
        self._begin()
        return key, future.result()

    def close(self, wait: bool = True) -> None:
        """Drop waiting tasks and outcomes, and end the thread after what it is doing now, if anything; `wait` for that."""
        self._waiting = self._running = None
        self._pool.shutdown(wait)

    def _begin(self) -> None:
        if self._running is None and self._waiting is not None:
            (key, compute), self._waiting = self._waiting, None
            wake, self._running = self._wake, (key, self._pool.submit(compute))
            self._running[1].add_done_callback(lambda _: wake())  # with `self`, it would be a cycle that keeps images
