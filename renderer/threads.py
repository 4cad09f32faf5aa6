"""The number of processor cores, the number of threads that PyTorch uses, and the priority of threads."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_NICENESS = 1
"""A little lower than the window's priority: the window needs little time, and needs it first. With 10, a playing video hardly
moves next to a busy program on each core (docs/performance_experiments.md, "The window")."""

_Made = TypeVar("_Made")


def available_cores() -> int:
    """Return the number of processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lower_priority() -> None:
    """Lower the priority of the calling thread and of those that it starts, so that the window stays smooth.

    Does nothing where the system has no priorities of threads.
    """
    with contextlib.suppress(AttributeError, OSError):
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def with_low_priority(make: Callable[[], _Made]) -> _Made:
    """Call `make` on a thread of low priority and return its result. Threads that it starts inherit the priority."""

    def lowered() -> _Made:
        lower_priority()
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lowered).result()


@contextlib.contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let PyTorch use `count` threads for what the calling thread does in the block. None changes nothing.

    PyTorch has one such number per calling thread. Threads that have used PyTorch before keep theirs. A thread that uses it
    for the first time during the block starts with the block's number.
    """
    import torch  # noqa: PLC0415 - only those who use it load it

    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
