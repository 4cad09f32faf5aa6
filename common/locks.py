"""Keep two runs from writing to the same place. A lock that a killed run of this machine left behind is noticed and replaced.

The operating system locks the file of a held lock, so that of two runs that find an old one only one replaces it. On a network
drive, whether a run of another machine has ended cannot be known: its lock counts until somebody removes it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from common.atomic import MAX_NAME_BYTES
from common.errors import InputError
from common.kernel_locks import is_file_at, try_lock

_MAX_LOCK_BYTES = 1 << 16
_ATTEMPTS, _PAUSE = 10, 0.02  # another run that only looks at the lock, or removes it, is done in between


class Lock:
    """A held lock. It knows the temporary files of its run, and those that killed runs to the same target left behind.

    Args:
        file: the lock's file.
        descriptor: the same file, open for writing.
        leftovers: names that earlier locks had.
    """

    def __init__(self, file: Path, descriptor: int, leftovers: list[str]) -> None:
        self._file, self._descriptor, self._leftovers = file, descriptor, leftovers
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
            os.write(self._descriptor, b"\n" + os.fsencode(name))
        except OSError as error:
            raise InputError(self._file, f"cannot be written ({error.strerror})") from error


@contextlib.contextmanager
def exclusive(target: Path) -> Iterator[Lock]:
    """Hold the lock of a file or folder until the block ends: a hidden file next to it, with process, time and machine.

    Raises:
        InputError: another run, in this process or another one, writes there. The message says which, and since when; if it is
            of another machine, also which file is its lock.
    """
    lock = lock_path(target)
    descriptor, leftovers = _take(lock, target)
    try:
        _fill(descriptor, target)
        yield Lock(lock, descriptor, leftovers)
    finally:
        _release(lock, descriptor)


def _take(lock: Path, target: Path) -> tuple[int, list[str]]:
    """Create the file of a lock and return its descriptor, and the names of temporary files that a killed run left behind."""
    leftovers = list[str]()
    for _ in range(_ATTEMPTS):
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except FileExistsError:
            leftovers = _replace_old(lock, target) or leftovers
            continue
        except OSError as error:
            raise InputError(target, f"cannot be written ({error.strerror})") from error
        if try_lock(descriptor) and is_file_at(descriptor, lock):
            return descriptor, leftovers
        os.close(descriptor)  # in between, another run took it for one that was left behind
    raise InputError(target, f"is being written by {_described(lock)}", "wait until it ends, or choose another name")


def _replace_old(lock: Path, target: Path) -> list[str]:
    """Remove a lock that a killed run left behind, and return its names of temporary files. Wait a little if a run holds it.

    Raises:
        InputError: it cannot be read, or it belongs to another machine or to a run that holds it without the system's lock.
    """
    if not stat.S_ISREG(_mode(lock)):
        raise InputError(lock, "is not a file, but the lock file of an output must be there", "remove it")
    try:
        descriptor = os.open(lock, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(lock, f"cannot be read ({error.strerror})", "remove it if no run writes there") from error
    with os.fdopen(descriptor, "rb") as file:
        if not (try_lock(descriptor) and is_file_at(descriptor, lock)):
            time.sleep(_PAUSE)
            return []
        lines = file.read(_MAX_LOCK_BYTES).split(b"\n")
        if holder := _holder(lines):
            raise InputError(target, f"is being written by {holder}", holder.remedy(lock))
        _remove(lock)
    if sys.platform == "win32":  # where nobody can remove a file that is open, neither this one nor one that is held
        _remove(lock)
    return [name for name in map(os.fsdecode, lines[1:]) if name not in ("", ".", "..") and "/" not in name]


def _mode(lock: Path) -> int:
    try:
        return os.lstat(lock).st_mode
    except OSError:  # it was removed just now, and is created again next
        return stat.S_IFREG


def _remove(lock: Path) -> None:
    with contextlib.suppress(OSError):
        lock.unlink()


def _release(lock: Path, descriptor: int) -> None:
    with contextlib.suppress(OSError):  # should it stay, then as one that nobody holds
        os.ftruncate(descriptor, 0)
    if is_file_at(descriptor, lock):
        _remove(lock)
    os.close(descriptor)
    if sys.platform == "win32":
        _remove(lock)


def _fill(descriptor: int, target: Path) -> None:
    try:
        text = f"{os.getpid()} {psutil.Process().create_time():.2f} {time.strftime('%Y-%m-%d %H:%M:%S')}"
        os.write(descriptor, f"{text} {platform.node()}".encode())
    except OSError as error:
        raise InputError(target, f"cannot be written ({error.strerror})") from error


def lock_path(target: Path) -> Path:
    """Return the file that marks a target as being written. All names of the target, through links too, have the same one."""
    real = Path(os.path.realpath(target))
    stem = real.name
    while len(os.fsencode(f".{stem}.lock")) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return real.with_name(f".{stem}.lock")


def is_locked(target: Path) -> bool:
    """Return whether a run that has not ended, as far as is known, holds the lock of a file or folder."""
    lock = lock_path(target)
    if not stat.S_ISREG(_mode(lock)):
        return True  # nobody can take it
    try:
        with lock.open("rb") as file:
            return not try_lock(file.fileno()) or _holder(file.read(_MAX_LOCK_BYTES).split(b"\n")) is not None
    except OSError:
        return False


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
    """Return the run that holds a lock whose file the system has not locked: it is elsewhere, or the drive has no locks."""
    holder = _parsed(lines)
    with contextlib.suppress(psutil.Error):  # it was killed
        if holder and (holder.is_foreign or f"{psutil.Process(holder.process).create_time():.2f}" == holder.started):
            return holder
    return None


def _parsed(lines: list[bytes]) -> _Holder | None:
    try:
        process, started, day, clock, *host = lines[0].decode().split(" ", 4)
        return _Holder(int(process), started, f"{day} {clock}", "".join(host))
    except (IndexError, ValueError):  # it was killed, perhaps before it wrote its number
        return None


def _described(lock: Path) -> str:
    """Return the run that has locked the file of a lock, in words."""
    with contextlib.suppress(OSError):
        return str(_parsed(lock.read_bytes()[:_MAX_LOCK_BYTES].split(b"\n")) or "another run")
    return "another run"
