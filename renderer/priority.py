"""Rendering gives way to the window."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Made = TypeVar("_Made")


def lower_priority() -> None:
    """Let the calling thread, and threads it starts, run only when the window wants no core; elsewhere than on Linux, nothing.

    A niceness would not do: a thread that runs finishes its slice of time before the window that woke gets the core.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def with_low_priority(make: Callable[[], _Made]) -> _Made:
    """Make something whose threads give way to the window: they inherit the priority of the thread that starts them."""

    def lowered() -> _Made:
        lower_priority()
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lowered).result()
