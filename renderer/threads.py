"""Threads: how many there are, how many PyTorch uses, and their priority."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

# A tenth of the processor's time where the window wants it too, all of it otherwise. Linux's idle policy would give less yet,
# and next to nothing beside other programs: an image took seconds then.
_NICENESS = 10

_Made = TypeVar("_Made")


def available_cores() -> int:
    """Processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lower_priority() -> None:
    """Let the calling thread, and threads it starts, give way to the window; where the system cannot, do nothing."""
    with contextlib.suppress(AttributeError, OSError):
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def with_low_priority(make: Callable[[], _Made]) -> _Made:
    """Make something whose threads give way to the window: they inherit the priority of the thread that starts them."""

    def lowered() -> _Made:
        lower_priority()
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lowered).result()


@contextlib.contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let PyTorch use `count` threads for what the calling thread does in the block; None: as many as before.

    PyTorch keeps the number a thread: threads that have used it already keep theirs. One whose first use falls into the
    block starts with the block's number.
    """
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
