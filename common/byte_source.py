"""Where the bytes of a file come from. A file on disk is one source; `common/streaming/` has those of servers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from common.errors import InputError


@runtime_checkable
class ByteSource(Protocol):
    """A sequence of bytes that can be read from any position. All methods may be called from any thread."""

    name: str
    """Path or address, for messages."""

    @property
    def size(self) -> int | None:
        """Number of bytes; None while it is unknown, for instance because a server does not tell it."""

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on; fewer at the end. Raise InputError if they cannot be read."""

    def read_into(self, start: int, buffer: memoryview) -> int:
        """Fill a writable buffer of bytes from `start` on. Return how many bytes there were; fewer only at the end.

        Raises:
            InputError: they cannot be read.
        """

    def close(self) -> None:
        """Release files and connections. Reading afterwards raises InputError."""


Location: TypeAlias = str | Path | ByteSource
"""A path, or a source that is open already."""


class LocalFile:
    """A file on disk, which is read with `pread` where the system has it, and never memory-mapped.

    A mapped file that another program shortens would crash this one.

    Args:
        path: the file.

    Raises:
        InputError: it is missing, a folder, not a regular file, or unreadable.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self._lock = threading.Lock()
        file = Path(path)
        if "\0" in self.name:
            raise InputError(self.name, "contains a null character, which no file name can have")
        with self._readable():
            if file.is_dir():
                raise InputError(path, "is a folder", "name a .mlpvid file")
            if file.exists() and not file.is_file():
                raise InputError(path, "is not a regular file")
            self._stream = file.open("rb", buffering=0)

    @property
    def size(self) -> int:
        """Number of bytes of the file now."""
        with self._readable():
            return os.fstat(self._stream.fileno()).st_size

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on; fewer at the end."""
        buffer = bytearray(max(0, min(length, self.size - start)))  # a damaged header may ask for any length
        return bytes(memoryview(buffer)[: self.read_into(start, memoryview(buffer))])

    def read_into(self, start: int, buffer: memoryview) -> int:
        """Fill a buffer from `start` on and return how many bytes there were."""
        done = 0
        with self._readable():
            while done < len(buffer):  # the system may return less than it was asked for
                count = self._read_part(start + done, buffer[done:])
                if not count:
                    break
                done += count
        return done

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _read_part(self, start: int, buffer: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._stream.fileno(), [buffer], start)
        with self._lock:
            self._stream.seek(start)
            return self._stream.readinto(buffer) or 0

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise InputError(self.name, "no such file", "check its name and folder") from error
        except OSError as error:
            raise InputError(self.name, f"cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise InputError(self.name, "is closed") from error


@contextmanager
def opened(location: Location) -> Iterator[ByteSource]:
    """Open a file until the block ends. A source that is open already stays open.

    Raises:
        InputError: as `LocalFile` does.
    """
    if isinstance(location, ByteSource):
        yield location
        return
    source = LocalFile(location)
    try:
        yield source
    finally:
        source.close()


def name_of(location: Location) -> str:
    """Return the path or address, for messages."""
    return location.name if isinstance(location, ByteSource) else str(location)
