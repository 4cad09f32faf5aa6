"""Open an address for streaming."""

from __future__ import annotations

from pathlib import Path

from common.cached_json import cache_folder
from common.streaming.address import Address, is_web
from common.streaming.block_cache import BlockCache, CacheSettings
from common.streaming.fsspec_remote import FsspecRemote
from common.streaming.http_remote import HttpRemote
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
    remote: Remote = HttpRemote(address) if is_web(address) else FsspecRemote(address)
    return StreamedFile(remote, BlockCache(settings or default_cache()))
