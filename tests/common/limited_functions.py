"""Functions that tests call in a limited child process."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

from common.errors import InputError


def misbehave(data: bytes) -> Any:
    """Do what the data says; return the process's number if it says nothing else."""
    what = data.decode()
    if what == "crash":
        ctypes.string_at(0)
    if what == "memory":
        return len(bytearray(4 << 30))
    if what == "endless":
        while True:
            pass
    if what == "refuse":
        raise InputError("", "has a fault", "mend it")
    if what == "fail":
        raise ZeroDivisionError
    if what == "print":
        print("no answer")
        os.system("echo no answer")
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()
