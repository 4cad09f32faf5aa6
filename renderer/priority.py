"""Rendering gives way to the window."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# A tenth of the processor's time where the window wants it too, all of it otherwise. Linux's idle policy would give less yet,
# and next to nothing beside other programs: an image took seconds then.
_NICENESS = 10

_Made = TypeVar("_Made")


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
