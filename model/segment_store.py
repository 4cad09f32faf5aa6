"""Keep a few segments of a long video in memory, and load the next one on a worker thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from typing import Protocol

from common.errors import DamagedData
from common.memory import return_free_memory
from model.video import VolumetricVideo

LEAST_SEGMENTS = 2
"""Number of segments in memory, including those that are being loaded, if more would take too much memory."""

SEGMENT_MEMORY = 128 << 20
"""Bytes that more segments may take together. A short video that repeats is then read only once."""

_log = logging.getLogger(__name__)


class LoadSegment(Protocol):
    """Reads and checks one segment."""

    def __call__(self, data: int, check: Callable[[], None]) -> VolumetricVideo:
        """Return the segment with these data; call `check`, which may raise to end the reading, before each tensor.

        Raises:
            DamagedData: the segment is damaged.
            InputError: it cannot be read.
        """


class _Superseded(Exception):
    """A segment that was loaded ahead is not needed any more."""


def segments_in_memory(largest: int) -> int:
    """Return how many segments are kept in memory.

    Args:
        largest: bytes of the largest one.
    """
    return max(LEAST_SEGMENTS, SEGMENT_MEMORY // max(1, largest))


class SegmentStore:
    """Segments by the number of their data. All methods may be called from any thread.

    Args:
        load: reads a segment.
        count: number of segments in memory, including those that are being loaded; at least 2.
    """

    def __init__(self, load: LoadSegment, count: int = LEAST_SEGMENTS) -> None:
        self._load, self.count = load, count
        self.damaged: dict[int, DamagedData] = {}
        """What is wrong with the segments that turned out to be damaged. They are not loaded again."""
        self._changed = threading.Condition()
        self._loaded: dict[int, VolumetricVideo] = {}  # least recently used first
        self._loading: set[int] = set()
        self._ahead: int | None = None
        self._kept: frozenset[int] = frozenset()
        self._worker: threading.Thread | None = None

    def get(self, data: int) -> VolumetricVideo:
        """Return a segment. If it is not in memory, load it on this thread.

        Raises:
            DamagedData: it is damaged.
            InputError: it cannot be read. The next call tries again.
        """
        with self._changed:
            self._changed.wait_for(lambda: data not in self._loading and (data in self._loaded or self._has_room()))
            if data in self._loaded:
                return self._touch(data)
            if data in self.damaged:
                raise _copy_of(self.damaged[data])
            self._reserve(data, frozenset())
        return self._load_reserved(data, lambda: None)

    def peek(self, data: int) -> VolumetricVideo | None:
        """Return a segment if it is in memory."""
        with self._changed:
            return self._loaded.get(data)

    def load_ahead(self, data: int | None, keep: Collection[int]) -> None:
        """Load a segment on a worker thread, in the place of one that need not be kept. This replaces the earlier request.

        Args:
            data: the segment that is needed next; None for none.
            keep: the segments that are needed now.
        """
        with self._changed:
            self._ahead, self._kept = data, frozenset(keep)
            if self._worker is None and self._may_load_ahead():
                self._worker = threading.Thread(target=self._run, name="load-segment", daemon=True)
                self._worker.start()

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until nothing is being loaded. Return False if that takes longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._worker is None and not self._loading, timeout)

    @property
    def loaded(self) -> list[int]:
        """The segments in memory, in ascending order."""
        with self._changed:
            return sorted(self._loaded)

    def _touch(self, data: int) -> VolumetricVideo:
        self._loaded[data] = segment = self._loaded.pop(data)
        return segment

    def _has_room(self) -> bool:
        return len(self._loading) < self.count

    def _may_load_ahead(self) -> bool:
        """Return whether the next segment is missing and there is a place for it."""
        if self._ahead is None or any(self._ahead in known for known in (self._loaded, self._loading, self.damaged)):
            return False
        return len(self._loading | (self._kept & self._loaded.keys())) < self.count

    def _reserve(self, data: int, keep: Collection[int]) -> None:
        """Make room for a segment before it is loaded."""
        self._loading.add(data)
        for old in [old for old in self._loaded if old not in keep]:
            if len(self._loaded) + len(self._loading) <= self.count:
                break
            del self._loaded[old]

    def _load_reserved(self, data: int, check: Callable[[], None]) -> VolumetricVideo:
        segment = None
        try:
            segment = self._load(data, check)
            return segment
        except DamagedData as error:
            self.damaged[data] = _copy_of(error)
            raise
        finally:
            with self._changed:
                self._loading.discard(data)
                if segment is not None:
                    self._loaded[data] = segment
                self._changed.notify_all()
            # Otherwise the C library keeps what earlier segments took, which more than doubles the memory of a long video.
            return_free_memory()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._may_load_ahead():
                    self._worker = None
                    self._changed.notify_all()
                    return
                data = self._ahead
                assert data is not None
                self._reserve(data, self._kept)

            def check(data: int = data) -> None:
                if self._ahead != data:
                    raise _Superseded

            try:
                self._load_reserved(data, check)
            except _Superseded:
                continue
            except Exception:  # `get` of this segment tries again and raises it
                _log.info("segment data %d could not be loaded ahead", data, exc_info=True)
                with self._changed:
                    if self._ahead == data:
                        self._ahead = None


def _copy_of(error: DamagedData) -> DamagedData:
    """Return the same error without its traceback, which would keep the tensors that were read."""
    return DamagedData(error.subject, error.fault, error.remedy)
