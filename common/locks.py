"""Keep two runs from writing to the same place. A lock that a killed run left behind is noticed and replaced."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from common.atomic import MAX_NAME_BYTES
from common.errors import InputError


@contextlib.contextmanager
def exclusive(target: Path) -> Iterator[None]:
    """Hold the lock of a file or folder until the block ends: a hidden file next to it, with the process and the time.

    Raises:
        InputError: another run, in this process or another one, writes there. The message says which, and since when.
    """
    lock = lock_path(target)
    for _ in range(2):
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            break
        except FileExistsError:
            _refuse_or_remove(lock, target)
        except OSError as error:
            raise InputError(target, f"cannot be written ({error.strerror})") from error
    else:
        raise InputError(target, "is being written by another run", "wait until it ends, or choose another name")
    try:
        text = f"{os.getpid()} {psutil.Process().create_time():.2f} {time.strftime('%Y-%m-%d %H:%M:%S')}"
        os.write(descriptor, text.encode())
        os.close(descriptor)
        yield
    finally:
        lock.unlink(missing_ok=True)


def lock_path(target: Path) -> Path:
    """Return the file that marks a target as being written."""
    absolute = Path(os.path.abspath(target))
    stem = absolute.name
    while len(os.fsencode(f".{stem}.lock")) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return absolute.with_name(f".{stem}.lock")


def _refuse_or_remove(lock: Path, target: Path) -> None:
    try:
        process, started, since = lock.read_text().split(" ", 2)
        if f"{psutil.Process(int(process)).create_time():.2f}" == started:
            fault = f"is being written by process {process} since {since}"
            raise InputError(target, fault, "wait until it ends, or choose another name")
    except (OSError, ValueError, psutil.NoSuchProcess):
        pass  # its run has ended, or was killed before it wrote its number
    lock.unlink(missing_ok=True)
