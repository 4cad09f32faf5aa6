"""Files on everything that fsspec reads: object storage, SFTP, GitHub, archives and many more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from common.errors import InputError
from common.streaming.address import Address
from common.streaming.remote import Answer, RemoteFault, Version


class FsspecRemote:
    """A file on a storage that fsspec reads.

    Args:
        address: where it is. Keys and other options come from the storage's own settings (environment variables or files).

    Raises:
        InputError: fsspec does not know the scheme, or a package for it is missing.
    """

    def __init__(self, address: Address) -> None:
        import fsspec  # noqa: PLC0415 - takes a moment, and only addresses need it

        self.name = str(address)
        try:
            self._system, self._path = fsspec.core.url_to_fs(address.url, use_listings_cache=False)
        except ImportError as error:
            raise _missing(self.name, error) from error
        except Exception as error:  # each storage has its own exceptions
            raise InputError(self.name, f"cannot be opened ({_reason(error)})", "check the address") from error

    @contextlib.contextmanager
    def request(self, start: int, stop: int) -> Iterator[Answer]:
        """Ask for a range of bytes. Raises as `Remote.request` does."""
        with self._explained():
            before = self._version()
            size = before.size
            stop = stop if size is None else min(stop, size)
            data = self._system.cat_file(self._path, start=start, end=stop) if start < stop else b""
            if self._version() != before:
                raise RemoteFault("changed while it was read", "try again")
        if size is not None and len(data) != max(0, stop - start):
            raise RemoteFault(f"the storage sent {len(data):,} of {stop - start:,} bytes", "try again")
        yield Answer(before, start, True, iter((data,)))

    def close(self) -> None:
        """Do nothing: fsspec keeps its connections for the next file."""

    def _version(self) -> Version:
        self._system.invalidate_cache(self._path)
        details: dict[str, Any] = self._system.info(self._path)
        if details.get("type") == "directory":
            raise InputError(self.name, "is a folder", "name a .mlpvid file")
        size = details.get("size")
        return Version(str(self._system.ukey(self._path)), int(size) if size is not None else None)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (InputError, RemoteFault):
            raise
        except FileNotFoundError as error:
            raise InputError(self.name, "no such file", "check the address") from error
        except PermissionError as error:
            raise InputError(self.name, f"was refused by the storage ({_reason(error)})", "check your keys for it") from error
        except ImportError as error:
            raise _missing(self.name, error) from error
        except Exception as error:  # each storage has its own exceptions
            raise RemoteFault(f"cannot be read ({_reason(error)})") from error


def _missing(name: str, error: ImportError) -> InputError:
    package = getattr(error.__cause__, "name", None) or error.name
    remedy = f"install it with `pip install {package}`" if package else _reason(error)
    return InputError(name, "needs a Python package that is not installed", remedy)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
