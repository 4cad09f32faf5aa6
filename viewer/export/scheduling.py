"""Restore the thread scheduling that an encoder library changes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_Scheduling = tuple[int, int]  # policy, priority


@contextlib.contextmanager
def unchanged_scheduling() -> Iterator[None]:
    """Restore the policy and priority of every thread of the process after the block. Threads started within it get the
    caller's. Do nothing on systems without such policies.

    When root runs SVT-AV1, it turns the thread that opens it and its own threads into real-time threads, and later threads
    inherit that. The window and everything else would wait for them.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    before = _of_threads()
    mine = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    try:
        yield
    finally:
        for thread, now in _of_threads().items():
            policy, priority = before.get(thread, mine)
            if now != (policy, priority):
                with contextlib.suppress(OSError):  # the thread has ended
                    os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _of_threads() -> dict[int, _Scheduling]:
    found = {}
    for name in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ():
        with contextlib.suppress(OSError):  # the thread has ended
            found[int(name)] = os.sched_getscheduler(int(name)), os.sched_getparam(int(name)).sched_priority
    return found
