"""Write a file atomically: it is complete or it does not exist."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import secrets
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.errors import InputError
from common.folders import check_link, check_name

MAX_NAME_BYTES = 255
"""Longest file name of the usual file systems."""

_MAX_SUFFIX = 20
_STORAGE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors caused by the disk or folder. They become an `InputError` wherever they occur; other errors pass unchanged."""


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Provide a temporary file next to `path`. It replaces `path` when the block succeeds and is deleted when it fails.

    The temporary file exists, is empty and has the suffix of `path`, for writers that choose the format by suffix. Until the
    block has ended, a reader of `path` sees the old content, even if the program is killed. The content is flushed to disk
    before the file is renamed. A symbolic link is followed; an existing file keeps its permissions.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        The temporary file's path. Open it by name for writing.

    Raises:
        InputError: `path` is a folder, a device, a pipe or a link in a circle, its folder does not exist or is not writable, or
            the disk is full.
    """
    check_link(path)
    target = Path(os.path.realpath(path))
    temporary = _create_temporary(target, path)
    mode = stat.S_IMODE(temporary.stat().st_mode)
    try:
        yield temporary
        temporary.chmod(mode)  # some writers create a new file that only its owner can read
        flush_to_disk(temporary)
        os.replace(temporary, target)
    except OSError as error:
        if error.errno in _STORAGE_FAULTS or error.filename == str(temporary):
            raise _cannot_write(path, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(target.parent)


def check_target(path: Path) -> None:
    """Raise InputError if no file can be written there. Call it before long work, at whose end it would be too late.

    Finds folders, devices, pipes, missing folders, folders without permission, names that are too long, and links that lead
    nowhere.
    """
    check_name(path)
    if os.path.isdir(path):  # False for names that no file can have, where Path.is_dir raises
        raise InputError(path, "is a folder", "name a file")
    if not os.path.isdir(path.parent):
        raise InputError(path, "is in a folder that does not exist", "make the folder first")
    if len(os.fsencode(path.name)) > MAX_NAME_BYTES:
        raise InputError(path, "has a name that is too long", f"use at most {MAX_NAME_BYTES} bytes")
    check_link(path)
    _check_regular(path, path)
    folder = os.path.dirname(os.path.realpath(path))  # a link is followed
    if not os.path.isdir(folder):
        raise InputError(path, "is a link into a folder that does not exist", "make the folder first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(path, "is in a folder that you cannot write to", "choose another one")


def check_differs(output: Path, inputs: Iterable[object]) -> None:
    """Raise InputError if an output is one of the inputs, under whatever name, and would replace it.

    Args:
        output: the file to write.
        inputs: files and folders; anything but paths is skipped.
    """
    for given in inputs:
        with contextlib.suppress(OSError, ValueError):  # one of them does not exist
            if isinstance(given, Path) and os.path.samefile(output, given):
                raise InputError(output, "is read by this command, too, and would be replaced", "choose another name")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8 atomically; raise InputError as `atomic_write` does."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _check_regular(target: Path, shown: str | Path) -> None:
    # A file would take the place of the device or the pipe, for all programs.
    if os.path.exists(target) and not os.path.isfile(target):
        raise InputError(shown, "is a device or a pipe", "name a file")


def _create_temporary(target: Path, shown: str | Path) -> Path:
    if target.is_dir():
        raise InputError(shown, "is a folder", "name a file")
    _check_regular(target, shown)
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= _MAX_SUFFIX else ""
    _remove_leftovers(target, suffix)
    temporary = target.with_name(f"{_prefix(target)}{os.getpid()}-{secrets.token_hex(4)}{suffix}")
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        # Exclusive, and with the permissions that the user's umask gives a new file.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        if not target.parent.is_dir():
            raise InputError(shown, "cannot be written", f"there is no folder {target.parent}") from error
        raise _cannot_write(shown, error) from error
    if mode is not None:
        with contextlib.suppress(OSError):
            temporary.chmod(mode)
    return temporary


def _prefix(target: Path) -> str:
    host = zlib.crc32(platform.node().encode())  # on a network drive, the processes of other machines are unknown
    return f".{target.stem[:40]}.{host:08x}-"


def _remove_leftovers(target: Path, suffix: str) -> None:
    """Remove the temporary files for this target of runs that were killed."""
    import psutil  # noqa: PLC0415 - commands that write nothing start faster

    prefix = _prefix(target)
    with contextlib.suppress(OSError):
        for file in target.parent.iterdir():
            process = file.name.removeprefix(prefix).partition("-")[0]
            ours = file.name.startswith(prefix) and file.name.endswith(suffix) and process.isdecimal()
            if ours and not psutil.pid_exists(int(process)):
                shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)


def _cannot_write(path: str | Path, error: OSError) -> InputError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return InputError(path, f"cannot be written ({reason})")


def flush_to_disk(path: Path, access: int = os.O_RDWR) -> None:
    """Make the system write a file's content to the disk; with the access `os.O_RDONLY`, the names in a folder."""
    descriptor = os.open(path, access)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    # Not every system can open a folder. The content is on the disk already; only its new name could be lost.
    with contextlib.suppress(OSError):
        flush_to_disk(folder, os.O_RDONLY)
