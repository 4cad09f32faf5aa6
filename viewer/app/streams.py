"""Videos that are opened from servers: progress, cancelling, and the cache that keeps their bytes."""

from __future__ import annotations

from common.streaming.address import Address
from common.streaming.block_cache import BlockCache
from viewer.app.files import BundleLoader
from viewer.app.jobs import Jobs
from viewer.app.places import cache_settings, read_streamed
from viewer.app.redraw import Redraw
from viewer.settings import Settings
from viewer.work.job import Job


class Streams:
    """Reads videos from servers.

    Args:
        settings: have the folder and the limit of the cache.
        jobs: show progress, and cancel.
        loader: gets the videos.
        redraw: notified when there is progress.
    """

    def __init__(self, settings: Settings, jobs: Jobs, loader: BundleLoader, redraw: Redraw) -> None:
        self._settings, self._jobs, self._loader, self._redraw = settings, jobs, loader, redraw

    def open(self, address: Address) -> None:
        """Start to read a video, unless it is being read already."""
        label = f"Loading {address}"
        if any(job.label == label for job in self._jobs.running):
            return
        cache = cache_settings(self._settings)

        def work(job: Job) -> str:
            def progress(share: float, detail: str) -> None:
                job.cancel.check()
                job.report(share, detail)

            self._loader.add(address, read_streamed(address, cache, progress))
            return f"Loaded {address}"

        self._jobs.start(Job(label, work, self._redraw.notify))

    def cache_used(self) -> int:
        """Return the bytes of the cache on disk."""
        return BlockCache(cache_settings(self._settings)).used()

    def clear_cache(self) -> None:
        """Delete the cache; InputError if something cannot be deleted."""
        BlockCache(cache_settings(self._settings)).clear()
