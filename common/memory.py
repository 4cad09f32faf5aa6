"""Check before an allocation whether there is enough memory for it, and give back what was freed."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

from common.errors import InputError

_CONTAINER = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""Files of Linux's control groups, versions 2 and 1: the limit of this container, and what it uses."""


def available_memory(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many bytes this process can still allocate: the smallest amount that machine, container or process has left.

    Args:
        groups: folder of Linux's control groups.
    """
    import psutil  # noqa: PLC0415 - commands that check no memory start faster

    left = [psutil.virtual_memory().available]
    for limit, used in _CONTAINER:
        with contextlib.suppress(OSError, ValueError):  # ValueError: "max", which means no limit
            left.append(int((groups / limit).read_text()) - int((groups / used).read_text()))
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource  # noqa: PLC0415

        soft = resource.getrlimit(resource.RLIMIT_AS)[0]
        if soft != resource.RLIM_INFINITY:
            left.append(soft - psutil.Process().memory_info().vms)
    return max(min(left), 0)


def check_memory(needed: float, subject: str | Path, remedy: str = "") -> None:
    """Raise InputError if this many bytes are not available.

    Args:
        needed: a prediction, bytes.
        subject: what needs the memory.
        remedy: what the user can do.
    """
    available = available_memory()
    if needed > available:
        fault = f"needs about {needed / 1e9:.1f} GB of memory, but only {available / 1e9:.1f} GB are available"
        raise InputError(subject, fault, remedy)


def return_free_memory() -> None:
    """Give memory that this process has freed back to the system.

    The GNU C library keeps freed blocks between used ones for later: some 200 MiB after a few videos were opened and closed.
    Other systems' libraries give them back by themselves.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
