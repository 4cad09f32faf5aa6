"""Open an address for streaming."""

from __future__ import annotations

from pathlib import Path

from common.cached_json import cache_folder
from common.streaming.address import Address, is_web
from common.streaming.block_cache import BlockCache, CacheSettings
from common.streaming.remote import Remote
from common.streaming.streamed_file import StreamedFile


def default_cache() -> CacheSettings:
    """Return the settings of the cache in the user's cache folder."""
    return CacheSettings(Path(cache_folder()))


def open_address(address: Address, settings: CacheSettings | None = None) -> StreamedFile:
    """Open a file on a server; close it after use. Returns at once: the first read waits for the server.

    Args:
        address: where it is: http(s)://, or what fsspec reads.
        settings: the cache; by default the one in the user's cache folder.

    Raises:
        InputError: the scheme is unknown, or a package for it is missing.
    """
    return StreamedFile(_remote(address), BlockCache(settings or default_cache()))


def _remote(address: Address) -> Remote:
    # httpx and fsspec take a tenth of a second to load, and files on the disk need neither.
    if is_web(address):
        from common.streaming.http_remote import HttpRemote  # noqa: PLC0415

        return HttpRemote(address)
    from common.streaming.fsspec_remote import FsspecRemote  # noqa: PLC0415

    return FsspecRemote(address)
