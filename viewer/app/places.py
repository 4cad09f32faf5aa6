"""Where a video is: a path, or an address on a server."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from common.byte_source import ByteSource
from common.errors import InputError
from common.streaming.address import Address, is_address, parse_address
from common.streaming.block_cache import CacheSettings
from common.streaming.open import default_cache, open_address
from model.bundle.coded_read import CodedBundle
from model.bundle.read import open_any, read_bundle, read_segmented
from model.video import VolumetricVideo

if TYPE_CHECKING:
    from viewer.settings import Settings

Place: TypeAlias = Path | Address
"""A file, the folder of a training run, or an address. All have `name` and `stem`."""

Progress: TypeAlias = Callable[[float, str], None]
"""Called with the loaded share, 0 to 1, and the amount as text. It may raise to cancel."""

EVERYTHING = 1 << 62


def place_of(text: str) -> Place:
    """Return the place that a text names; raise InputError if it begins like an address but is not one."""
    return parse_address(text) if is_address(text) else Path(text)


def cache_settings(settings: Settings) -> CacheSettings:
    """Return folder and limit of the cache of streamed videos."""
    chosen, default = settings.streaming, default_cache()
    return CacheSettings(Path(chosen.folder) if chosen.folder else default.folder, chosen.cache_mebibytes << 20)


def users_cache(config: Path | None = None) -> CacheSettings:
    """Return the cache that the user's settings name, for commands without a window.

    Args:
        config: settings file used instead of the user's.
    """
    from viewer.folders import settings_path  # noqa: PLC0415 - slow to load, and only streams need it
    from viewer.settings_file import read_settings  # noqa: PLC0415 - slow to load, and only streams need it

    with contextlib.suppress(InputError):  # the window reports a bad file
        return cache_settings(read_settings(config or settings_path()))
    return default_cache()


def read_streamed(address: Address, cache: CacheSettings, progress: Progress = lambda *_: None) -> VolumetricVideo:
    """Read a video from a server. What is in the cache already is not fetched again.

    A long video is ready when its first segment has arrived. The others are fetched while it plays, until it is not used any
    more; frames that are not there yet are waited for.

    Args:
        address: where it is.
        cache: keeps what was fetched, also if the reading is cancelled or cut.
        progress: called every tenth of a second while this waits for the server, on this thread.

    Raises:
        InputError: as `open_address` and `read_bundle` do.
    """
    source = open_address(address, cache)
    with contextlib.ExitStack() as opened:
        opened.callback(source.close)
        needed: list[int | None] = [None]

        def show() -> None:
            loaded, size = source.loaded_bytes, needed[0] or source.known_size
            progress(min(1.0, loaded / size) if size else 0.0, f"{loaded / 2**20:.1f} MiB")

        source.on_wait = show
        source.prefetch([(0, EVERYTHING)])
        located: ByteSource = source
        bundle = open_any(located)
        if not isinstance(bundle, CodedBundle) or len(bundle.metadata.segments) == 1:
            return read_bundle(located)
        needed[0] = bundle.range_of(0)[1]
        video = read_segmented(bundle, lambda order: source.prefetch([bundle.range_of(data) for data in order]))
        source.on_wait = lambda: None
        opened.pop_all()
        weakref.finalize(video.store, source.close)  # the last thing that reads the file
        return video
