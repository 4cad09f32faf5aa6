"""The child of `common/limited_process.py`: it reads calls from standard input and writes answers to standard output."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import signal
import struct
import sys
import time
from typing import IO, Any

import psutil

from common.errors import InputError
from common.plain_values import pack, unpack

DONE, REFUSED, NO_MEMORY, FAILED = range(4)
"""First byte of an answer: a result, an InputError, a lack of memory, or any other exception."""

_MAX_HEADER_BYTES = 1 << 16


def child_environment() -> dict[str, str]:
    """Return the environment of a child. It computes on one thread, because each thread reserves address space."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def send(stream: IO[bytes], data: bytes) -> None:
    """Write one message."""
    stream.write(struct.pack("<Q", len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes], limit: int | None = None) -> bytes:
    """Read one message; raise EOFError if the other process ended, or announces more bytes than the limit."""
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or (limit is not None and length > limit):
        raise EOFError
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def main() -> None:
    """Answer calls until the parent closes the pipe or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is not an answer
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            header = unpack(receive(sys.stdin.buffer, _MAX_HEADER_BYTES))
            send(answers, _answer(header, receive(sys.stdin.buffer)))


def _answer(header: dict[str, Any], data: bytes) -> bytes:
    module, _, name = header["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    try:
        _limit(header["memory"], header["seconds"])
        return bytes([DONE]) + pack(function(data))
    except InputError as error:
        return bytes([REFUSED]) + pack([error.fault, error.remedy])
    except MemoryError:
        return bytes([NO_MEMORY])
    except Exception:  # a broken file can make a parser raise almost anything
        return bytes([FAILED])
    finally:
        _limit(None, None)


def _limit(memory: int | None, seconds: float | None) -> None:
    """Limit what this process uses from now on, where the system can; otherwise the parent watches it. None means no limit."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on Windows; stricter limits of the user stay
        import resource  # noqa: PLC0415

        used = psutil.Process().memory_info().vms
        for kind, value in (
            (resource.RLIMIT_CPU, None if seconds is None else math.ceil(time.process_time() + seconds)),
            (resource.RLIMIT_AS, None if memory is None else used + memory),
        ):
            hard = resource.getrlimit(kind)[1]
            soft = hard if value is None or (hard != resource.RLIM_INFINITY and value > hard) else value
            resource.setrlimit(kind, (soft, hard))
