"""Locks of open files that the operating system keeps: they end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

_BUSY = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)
_FAR = 1 << 30  # on Windows, others cannot read the bytes that are locked; a file may be shorter than that


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed. Return False if another descriptor, of this process or another one, holds its lock.

    On a file system without locks, everybody seems to get it.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        return error.errno not in _BUSY
    return True


def is_file_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file is the regular file at a path, and not one that was removed or replaced since."""
    try:
        there, here = os.lstat(path), os.fstat(descriptor)
    except OSError:
        return False
    return stat.S_ISREG(there.st_mode) and os.path.samestat(there, here)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
