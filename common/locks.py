"""Keep two runs from writing to the same place. A lock that a killed run of this machine left behind is noticed and replaced.

On a network drive, whether a run of another machine has ended cannot be known: its lock counts until somebody removes it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from common.atomic import MAX_NAME_BYTES
from common.errors import InputError

_MAX_LOCK_BYTES = 1 << 16


class Lock:
    """A held lock. It knows the temporary files of its run, and those that killed runs to the same target left behind.

    Args:
        file: the lock's file.
        leftovers: names that earlier locks had.
    """

    def __init__(self, file: Path, leftovers: list[str]) -> None:
        self._file, self._leftovers = file, leftovers
        for name in leftovers:
            self._note(name)

    def note(self, temporary: Path) -> None:
        """Note a file next to the target before it is created, so that it can be removed if this run is killed."""
        self._note(temporary.name)

    def remove_leftovers(self) -> None:
        """Remove the temporary files of killed runs. Call this when the target is complete, because they may be of use."""
        for name in self._leftovers:
            with contextlib.suppress(OSError):
                self._file.with_name(name).unlink(missing_ok=True)

    def _note(self, name: str) -> None:
        try:
            with self._file.open("ab") as file:
                file.write(b"\n" + os.fsencode(name))
        except OSError as error:
            raise InputError(self._file, f"cannot be written ({error.strerror})") from error


@contextlib.contextmanager
def exclusive(target: Path) -> Iterator[Lock]:
    """Hold the lock of a file or folder until the block ends: a hidden file next to it, with process, time and machine.

    Raises:
        InputError: another run, in this process or another one, writes there. The message says which, and since when; if it is
            of another machine, also which file is its lock.
    """
    lock, leftovers = lock_path(target), list[str]()
    for _ in range(2):
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            break
        except FileExistsError:
            leftovers = _refuse_or_remove(lock, target)
        except OSError as error:
            raise InputError(target, f"cannot be written ({error.strerror})") from error
    else:
        raise InputError(target, "is being written by another run", "wait until it ends, or choose another name")
    try:
        _fill(descriptor, target)
        yield Lock(lock, leftovers)
    finally:
        lock.unlink(missing_ok=True)


def _fill(descriptor: int, target: Path) -> None:
    try:
        text = f"{os.getpid()} {psutil.Process().create_time():.2f} {time.strftime('%Y-%m-%d %H:%M:%S')}"
        os.write(descriptor, f"{text} {platform.node()}".encode())
    except OSError as error:
        raise InputError(target, f"cannot be written ({error.strerror})") from error
    finally:
        os.close(descriptor)


def lock_path(target: Path) -> Path:
    """Return the file that marks a target as being written."""
    absolute = Path(os.path.abspath(target))
    stem = absolute.name
    while len(os.fsencode(f".{stem}.lock")) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return absolute.with_name(f".{stem}.lock")


def is_locked(target: Path) -> bool:
    """Return whether a run that has not ended, as far as is known, holds the lock of a file or folder."""
    return _holder(_lines(lock_path(target))) is not None


def _refuse_or_remove(lock: Path, target: Path) -> list[str]:
    """Raise InputError if a run holds the lock. Otherwise remove its file and return the names of the run's temporary files."""
    lines = _lines(lock)
    if holder := _holder(lines):
        raise InputError(target, f"is being written by {holder}", holder.remedy(lock))
    lock.unlink(missing_ok=True)
    return [name for name in map(os.fsdecode, lines[1:]) if name not in ("", ".", "..") and "/" not in name]


def _lines(lock: Path) -> list[bytes]:
    try:
        return lock.read_bytes()[:_MAX_LOCK_BYTES].split(b"\n")
    except OSError:
        return []


@dataclass(frozen=True)
class _Holder:
    """The run that holds a lock, as its file says."""

    process: int
    started: str
    """When the process started, by the clock of its machine."""
    since: str
    """When it took the lock."""
    host: str
    """Name of its machine; empty in locks of earlier versions, which are taken for this machine's."""

    def __str__(self) -> str:
        return f"process {self.process}{f' on {self.host}' if self.is_foreign else ''} since {self.since}"

    @property
    def is_foreign(self) -> bool:
        """Whether it belongs to another machine, whose processes are unknown here."""
        return self.host not in ("", platform.node())

    def remedy(self, lock: Path) -> str:
        """Return what the user can do."""
        if self.is_foreign:
            return f"wait until it ends; if {self.host} no longer runs it, remove the file {lock}"
        return "wait until it ends, or choose another name"


def _holder(lines: list[bytes]) -> _Holder | None:
    """Return the run that holds a lock; None if it has ended."""
    try:
        process, started, day, clock, *host = lines[0].decode().split(" ", 4)
        holder = _Holder(int(process), started, f"{day} {clock}", "".join(host))
        if holder.is_foreign or f"{psutil.Process(holder.process).create_time():.2f}" == started:
            return holder
    except (IndexError, ValueError, psutil.Error):  # it was killed, perhaps before it wrote its number
        pass
    return None
