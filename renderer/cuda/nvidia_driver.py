"""Ask NVIDIA's driver, without PyTorch, what it supports."""

from __future__ import annotations

import ctypes
import sys


def cuda_of_driver() -> tuple[int, int] | None:
    """Return the newest CUDA version that NVIDIA's driver supports. None without a driver or a GPU that it drives.

    It asks the driver itself: a PyTorch that was built without CUDA does not know.
    """
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        version, count = ctypes.c_int(), ctypes.c_int()
        calls = (
            library.cuInit(0),
            library.cuDeviceGetCount(ctypes.byref(count)),
            library.cuDriverGetVersion(ctypes.byref(version)),
        )
    except (OSError, AttributeError):
        return None
    return None if any(calls) or not count.value else (version.value // 1000, version.value % 1000 // 10)
