"""Blocks of streamed files in a folder, within a size limit.

One block is one file, which is written under another name first. It begins with a checksum of the file's version, the block's
number and its bytes. Whatever a killed program, a full disk, another process or anything else leaves in the folder, a block
is used only if its checksum is right. So there is no index that could be wrong, and processes need no lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import xxhash

from common.errors import InputError
from common.streaming.remote import Version

FOLDER = "mlpvid-blocks"
"""Name of the cache's folder."""

BLOCK_BYTES = 1 << 18
"""Bytes of a block; the last one of a file may have fewer."""

DEFAULT_LIMIT = 4 << 30
"""Bytes of all blocks unless the user says otherwise."""

SMALLEST_LIMIT = 64 << 20
"""Smallest limit. A file needs some blocks at a time."""

EVICT_TO = 0.9
"""Share of the limit that is left after the blocks used longest ago were deleted."""

SCAN_BYTES = 16 << 20
"""Bytes written between two checks of the folder's size."""

FORGOTTEN_SECONDS = 3600.0
"""Age from which an unfinished file counts as abandoned, whichever process made it."""

_MAGIC = b"MLPVblk1"
_DIGEST_BYTES = 16
_HEAD_BYTES = len(_MAGIC) + _DIGEST_BYTES
_SUFFIX, _UNFINISHED = ".block", ".part"


@dataclass(frozen=True)
class CacheSettings:
    """Where blocks are kept, and how many."""

    folder: Path
    """Where the cache makes its own folder, `FOLDER`, when the first block is written. Nothing else there is touched."""
    limit: int = DEFAULT_LIMIT
    """Bytes of all blocks, at least `SMALLEST_LIMIT`."""


class BlockCache:
    """The blocks of all streamed files. All methods may be called from any thread.

    Args:
        settings: folder and limit.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self.folder, self.limit = settings.folder / FOLDER, max(settings.limit, SMALLEST_LIMIT)
        self._lock = threading.Lock()
        self._written = 0

    def open(self, url: str, version: Version) -> BlockFolder:
        """Return the blocks of one version of a file. Those of its other versions are deleted, and what killed programs left.

        A version without a validator gets a folder of its own each time: nobody can tell whether its content changed.
        """
        validator = version.validator or secrets.token_hex(16)
        key = _digest("version", url, validator, str(version.size))
        versions = self.folder / _digest("url", url)
        with contextlib.suppress(OSError):
            for found in versions.iterdir():
                if found.name != key:
                    _delete(found)
        self._evict()
        return BlockFolder(self, versions / key)

    def used(self) -> int:
        """Return the bytes that all blocks take now."""
        return sum(size for _, size, _ in self._blocks())

    def clear(self) -> None:
        """Delete all blocks. Open files fetch what they need again.

        Raises:
            InputError: something cannot be deleted.
        """
        for _, _, file in self._blocks():
            try:
                _unlink(file)
            except OSError as error:
                raise InputError(self.folder, f"cannot be cleared ({error.strerror})") from error
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def record_written(self, count: int) -> None:
        """Count written bytes, and check the size of the folder from time to time."""
        with self._lock:
            self._written += count
            due = self._written >= min(SCAN_BYTES, self.limit // 16)
            self._written = 0 if due else self._written
        if due:
            self._evict()

    def _evict(self) -> None:
        blocks = sorted(self._blocks())  # used longest ago first
        total = sum(size for _, size, _ in blocks)
        if total <= self.limit:
            return
        for _, size, file in blocks:
            if total <= self.limit * EVICT_TO:
                return
            with contextlib.suppress(OSError):
                _unlink(file)
                total -= size

    def _blocks(self) -> list[tuple[float, int, Path]]:
        """Return the time of the last use, the size and the path of each block. Delete what killed programs were writing."""
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                file = Path(folder, name)
                with contextlib.suppress(OSError):  # deleted meanwhile
                    status = os.stat(file, follow_symlinks=False)
                    if name.endswith(_UNFINISHED) and _is_litter(name, status.st_mtime):
                        _unlink(file)
                    elif name.endswith((_SUFFIX, _UNFINISHED)):
                        found.append((status.st_mtime, status.st_size, file))
        return found


class BlockFolder:
    """The blocks of one version of a file.

    Args:
        cache: whose folder it is in.
        folder: its path; created when the first block is written.
    """

    def __init__(self, cache: BlockCache, folder: Path) -> None:
        self._cache, self._folder = cache, folder
        self._touched: set[int] = set()

    def stored(self) -> list[int]:
        """Return the numbers of the blocks that seem to be there, in ascending order; `load` says whether they are whole."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return sorted({int(stem, 16) for stem in stems if len(stem) == 8 and set(stem) <= set("0123456789abcdef")})

    def load(self, number: int) -> bytes | None:
        """Return a block; None if it is not there. A damaged one is deleted."""
        file = self._file(number)
        try:
            data = _read_regular(file)
        except OSError:
            return None
        if data is None or data[:_HEAD_BYTES] != self._head(number, data[_HEAD_BYTES:]):
            with contextlib.suppress(OSError):
                _delete(file)
            return None
        if number not in self._touched:  # once is enough to tell what was used long ago
            self._touched.add(number)
            with contextlib.suppress(OSError):
                os.utime(file)
        return data[_HEAD_BYTES:]

    def store(self, number: int, data: bytes) -> None:
        """Write a block.

        Raises:
            InputError: the folder cannot be written.
        """
        unfinished = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}{_UNFINISHED}"
        try:
            try:
                self._write(unfinished, number, data)
            except FileNotFoundError:  # the folder is new, or somebody cleared the cache
                self._folder.mkdir(parents=True, exist_ok=True)
                self._write(unfinished, number, data)
        except OSError as error:
            raise InputError(
                self._cache.folder,
                f"cannot be written ({error.strerror})",
                "free some space, or choose another folder for the cache",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
        self._touched.add(number)
        self._cache.record_written(len(data))

    def drop(self) -> None:
        """Delete all blocks."""
        with contextlib.suppress(OSError):
            _delete(self._folder)

    def _write(self, unfinished: Path, number: int, data: bytes) -> None:
        # Not flushed to the disk: a block that a power cut damaged has a wrong checksum.
        with unfinished.open("wb") as stream:
            stream.write(self._head(number, data))
            stream.write(data)
        os.replace(unfinished, self._file(number))

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:08x}{_SUFFIX}"

    def _head(self, number: int, data: bytes) -> bytes:
        digest = xxhash.xxh3_128(f"{self._folder.name}/{number}/".encode())
        digest.update(data)
        return _MAGIC + digest.digest()


def _read_regular(file: Path) -> bytes | None:
    """Read a file of at most a block; None if it is longer, or no regular file."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _HEAD_BYTES + BLOCK_BYTES:
            return None
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as stream:
            data = stream.read(_HEAD_BYTES + BLOCK_BYTES)
        return data if len(data) == status.st_size else None
    finally:
        os.close(descriptor)


def _is_litter(name: str, written: float) -> bool:
    process = name.partition("-")[0]
    lives = process.isdecimal() and psutil.pid_exists(int(process))
    return not lives or time.time() - written > FORGOTTEN_SECONDS


def _unlink(file: Path) -> None:
    """Delete a file, and its folders if it was the last one in them."""
    file.unlink(missing_ok=True)
    for folder in (file.parent, file.parent.parent):
        with contextlib.suppress(OSError):  # it is not empty
            folder.rmdir()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]
