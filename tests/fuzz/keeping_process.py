"""Measure readers in a process that keeps what is freed: python -m tests.fuzz.keeping_process FOLDER.

`test_fuzz.py` runs it in a child, because `mallopt` holds for the rest of a process.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import psutil

from tests.fuzz.memory import PeakMemory
from tests.fuzz.run import execute
from tests.fuzz.targets import TARGETS

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
_BLOCK = 300 << 20


def read(path: Path) -> None:
    """Take much memory for a file that says so."""
    if path.read_bytes() == b"hungry":
        np.ones(_BLOCK, np.uint8)


def main() -> None:
    """Print what the process keeps, and the faults of a small reader, and twice of a hungry one."""
    library, process = ctypes.CDLL(None), psutil.Process()
    library.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
    library.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
    folder, before = Path(sys.argv[1]), process.memory_info().rss
    TARGETS["camera"] = TARGETS["camera"].__class__(read, "camera.json")
    np.ones(_BLOCK, np.uint8)
    print(process.memory_info().rss - before)
    memory = PeakMemory()
    for content in (b"small", b"hungry", b"hungry"):
        print(execute("camera", folder, content, memory)[0] or "no fault")


if __name__ == "__main__":
    main()
