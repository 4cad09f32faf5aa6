"""Measure the memory that one execution takes at its peak."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
from pathlib import Path

import psutil

from common.memory import return_free_memory

_CLOSE_LOOK = 32 << 20
_RESET_PEAK = "5"
_PEAK_AND_HELD = re.compile(rb"VmHWM:\s+(\d+) kB\nVmRSS:\s+(\d+) kB")


class PeakMemory:
    """The peak of this process, beyond what it held before.

    Reading the peak takes some microseconds, so it is read after each execution. The system keeps the largest peak: it is reset
    once it has risen by 32 MiB, which is the accuracy. Where it cannot be reset, only a peak above all earlier ones is seen.

    Before each reset, memory that was freed is given back. Otherwise a C library that keeps it, as after `mallopt`, would use
    it for the next execution, which would seem to take none.
    """

    def __init__(self) -> None:
        self._before = self._first = 0
        self._reset()
        self._first = self._before

    def growth(self) -> int:
        """Return by how many bytes the peak exceeds what was held before, and begin again; 0 if it is less than 32 MiB."""
        peak, held = _peak_and_held()
        growth = peak - self._before
        if growth >= _CLOSE_LOOK:
            self._reset()
            return growth
        if held < self._before - _CLOSE_LOOK:  # something else was given back: a lower peak counts from now on
            self._reset()
        return 0

    def kept(self) -> int:
        """Return by how many bytes the process has grown since the beginning."""
        return _peak_and_held()[1] - self._first

    def _reset(self) -> None:
        gc.collect()
        return_free_memory()
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
        self._before = _peak_and_held()[0]


def _peak_and_held() -> tuple[int, int]:
    """Return the peak memory of this process and the memory that it holds, bytes.

    On Linux, `ru_maxrss` is not less than the peak of the process that started this one, so the file of the process is read:
    without psutil and without buffers, because this is done after each execution.
    """
    if sys.platform == "linux":
        file = os.open("/proc/self/status", os.O_RDONLY)
        try:
            peak, held = _PEAK_AND_HELD.search(os.read(file, 1 << 14)).groups()  # type: ignore[union-attr]
        finally:
            os.close(file)
        return int(peak) << 10, int(held) << 10
    memory = psutil.Process().memory_info()
    try:
        import resource
    except ImportError:  # Windows
        return int(memory.peak_wset), int(memory.rss)  # type: ignore[attr-defined,unused-ignore]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return peak, int(memory.rss)
