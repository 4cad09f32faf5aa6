"""Keep prepared frames in memory and prepare those ahead of the playhead on a worker thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from model.video import VolumetricVideo
from renderer.backend import PreparedFrame, RenderCancelled, Renderer
from renderer.threads import lower_priority

_log = logging.getLogger(__name__)

MAX_FRACTIONAL_FRAMES = 32
"""Largest number of cached frames at fractional times, so that slow motion does not evict the whole frames."""


DEFAULT_BUDGET = 640 << 20
"""Bytes that cached frames may occupy unless the user or the renderer says otherwise."""


class FrameCache:
    """Prepared frames by time, within a memory budget. Every method may be called from any thread.

    `decode_ahead` sets the planned playback. Over budget, frames outside the planned playback are evicted first (least
    recently used first), then planned ones, farthest from the playhead first. The frame requested last is never evicted,
    whatever its size. No frame is prepared by two threads at once: a caller who requests a frame that another thread is
    preparing waits for it. Fractional times are cached under their exact value.

    Args:
        renderer: prepares the frames. On a device with memory of its own it has the attributes `frame_memory` (bytes for all
            frames) and `frame_memory_left` (bytes of those that no frame occupies yet), which limit all its caches together.
            If it prepares several frames together in less time, it has `frames_at_once` (the number) and
            `prepare_together(video, times)`.
        video: the video whose frames are prepared.
        budget: bytes that all cached frames together may occupy; None is as `default_budget` says.
        max_fractional: largest number of cached frames at fractional times.
    """

    def __init__(
        self, renderer: Renderer, video: VolumetricVideo, budget: int | None, max_fractional: int = MAX_FRACTIONAL_FRAMES
    ) -> None:
        self.renderer = renderer
        self.video = video
        self._budget = budget
        self._max_fractional = max_fractional
        self._frames: dict[float, PreparedFrame] = {}  # least recently used first
        self._preparing: set[float] = set()
        self._failed: dict[float, Exception] = {}
        self._wanted: tuple[float, ...] = ()
        self._current: float | None = None
        self._largest = 0
        self._closed = False
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None

    @property
    def budget(self) -> int | None:
        """Bytes that all cached frames together may occupy, or None. Assigning a smaller value evicts what no longer fits."""
        return self._budget

    @budget.setter
    def budget(self, value: int | None) -> None:
        """Change the budget."""
        with self._changed:
            self._budget = value
            self._evict()
            self._changed.notify_all()

    @property
    def nbytes(self) -> int:
        """Bytes that the cached frames occupy now."""
        with self._changed:
            return self._total()

    @property
    def room(self) -> int:
        """Bytes that all cached frames together may occupy now."""
        with self._changed:
            return self._room()

    def replace_video(self, video: VolumetricVideo, convert: Callable[[PreparedFrame], PreparedFrame | None]) -> None:
        """Continue with another version of the video.

        Args:
            video: the new version.
            convert: returns the new version of a cached frame, or None if it has to be prepared again. It must not take long.
        """
        with self._changed:
            self.video = video
            converted = {time: convert(frame) for time, frame in self._frames.items()}
            self._frames = {time: frame for time, frame in converted.items() if frame is not None}
            self._wanted, self._failed = (), {}
            self._changed.notify_all()

    def cached_times(self) -> list[float]:
        """Return the times of the cached frames in ascending order, as the timeline marks them."""
        with self._changed:
            return sorted(self._frames)

    def __contains__(self, time: float) -> bool:
        with self._changed:
            return time in self._frames

    def get(self, time: float) -> PreparedFrame:
        """Return the frame at `time`. If it is not cached, prepare it on this thread.

        Raises:
            InputError: `time` is out of range.
            RenderCancelled: the cache was closed.
            Exception: the error with which the worker failed to prepare this frame. The next call tries again.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or time not in self._preparing)
            if self._closed:
                raise RenderCancelled
            if time in self._failed:
                raise self._failed.pop(time)
            self._current = time
            self._changed.notify_all()  # the worker may now have room for another frame
            if time in self._frames:
                return self._touch(time)
            self._preparing.add(time)
            video = self.video
        frame = None
        try:
            frame = self.renderer.prepare(video, time)
            return frame
        finally:
            self._settle(video, time, frame)

    def nearest(self, time: float) -> PreparedFrame | None:
        """Return the cached frame closest to `time`, or None if the cache is empty.

        It is shown while the user scrubs faster than frames are decoded. Of two equally close frames, the one that
        playback reaches first is returned.
        """
        with self._changed:
            if not self._frames:
                return None
            ranks = self._ranks()
            return self._touch(min(self._frames, key=lambda t: (abs(t - time), ranks[t])))

    def decode_ahead(self, times: Sequence[float]) -> None:
        """Prepare these frames on the worker thread, in this order. This replaces the previous plan.

        Frames that do not fit into the budget are not prepared, because they would evict the first ones. A frame that
        fails is skipped. `get` of that frame raises its error.

        Args:
            times: frame indices in the order in which playback reaches them; empty to stop decoding ahead.
        """
        with self._changed:
            # Keep the first occurrence of each time: ping-pong playback lists frames twice.
            self._wanted = tuple(dict.fromkeys(float(t) for t in times))
            self._failed = {t: error for t, error in self._failed.items() if t in self._wanted}
            if self._worker is None and self._wanted and not self._closed:
                self._worker = threading.Thread(target=self._run, name="decode-ahead", daemon=True)
                self._worker.start()
            self._changed.notify_all()
            video = self.video
        video.load_ahead(times)

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until no frame is left to decode ahead. Return False if that takes longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._preparing and not self._next_wanted(), timeout)

    def clear(self) -> None:
        """Remove all frames."""
        with self._changed:
            self._frames.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop decoding ahead and remove all frames. Return when the worker has finished its current frame."""
        with self._changed:
            self._closed, self._wanted = True, ()
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.join()
        self.clear()

    def _touch(self, time: float) -> PreparedFrame:
        self._frames[time] = frame = self._frames.pop(time)
        return frame

    def _settle(
        self, video: VolumetricVideo, time: float, frame: PreparedFrame | None = None, error: Exception | None = None
    ) -> None:
        """Record the outcome of preparing a frame, its frame or its error, in one step, and wake those who wait for it."""
        with self._changed:
            self._preparing.discard(time)
            current = video is self.video  # otherwise it is a frame of a replaced video
            if frame is not None and current and not self._closed:
                self._frames[time] = frame
                self._largest = max(self._largest, frame.nbytes)
                self._evict()
            if error is not None and current:
                self._failed[time] = error
            self._changed.notify_all()

    def _room(self) -> int:
        budget = default_budget(self.renderer) if self._budget is None else self._budget
        left = getattr(self.renderer, "frame_memory_left", None)
        return budget if left is None else min(budget, self._total() + left)

    def _total(self) -> int:
        return sum(frame.nbytes for frame in self._frames.values())

    def _ranks(self) -> dict[float, int]:
        """Return the rank of each planned or cached frame. The highest ranks are evicted first."""
        order = {time: place for place, time in enumerate(self._wanted)}
        unplanned = (t for t in reversed(self._frames) if t not in order)
        order.update({time: len(order) + place for place, time in enumerate(list(unplanned))})
        if self._current is not None:
            order[self._current] = -1
        return order

    def _evict(self) -> None:
        ranks = self._ranks()
        fractional = sorted((t for t in self._frames if t != int(t)), key=ranks.__getitem__)
        for time in fractional[self._max_fractional :]:
            del self._frames[time]
        candidates = sorted((t for t in self._frames if t != self._current), key=ranks.__getitem__)
        while self._total() > self._room() and candidates:
            del self._frames[candidates.pop()]

    def _next_wanted(self) -> list[float]:
        """Return the frames to prepare next: one, or as many as the renderer prepares together."""
        places, more = self._places()
        missing = [time for time in places if not any(time in known for known in (self._frames, self._preparing, self._failed))]
        together = getattr(self.renderer, "frames_at_once", 1)
        if more and len(missing) < together and all(time in self._frames for time in places[:together]):
            return []  # playback frees more places soon, and has enough frames until then
        together = min(together, len(missing))
        return missing[: 1 << (together.bit_length() - 1)] if together else []

    def _places(self) -> tuple[list[float], bool]:
        """Return the planned frames that fit into the budget in the order of playback, and whether there are more of them."""
        # Assume the largest size so far: otherwise a frame that does not fit would be prepared and evicted forever.
        room = self._room() // self._largest if self._largest else 1
        # The frame on screen always counts against the budget, wherever it is in the planned playback.
        shown = [] if self._current is None else [self._current]
        ahead = [t for t in self._wanted if t not in shown]
        fractional = [t for t in ahead if t != int(t)]
        surplus = fractional[max(0, self._max_fractional - sum(t != int(t) for t in shown)) :]
        places = [t for t in ahead if t not in surplus]
        fitting = max(0, room - len(shown))
        return places[:fitting], fitting < len(places)

    def _run(self) -> None:
        lower_priority()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next_wanted())
                if self._closed:
                    return
                times, video = self._next_wanted(), self.video
                self._preparing.update(times)
            self._prepare(video, times)

    def _prepare(self, video: VolumetricVideo, times: list[float]) -> None:
        """Prepare frames together. If that fails, prepare them one by one: the others do not suffer from the one that fails."""
        if len(times) > 1:
            try:
                frames = self.renderer.prepare_together(video, times)  # type: ignore[attr-defined]
            except Exception:
                _log.exception("frames %s could not be prepared together", times)
            else:
                for time, frame in zip(times, frames, strict=True):
                    self._settle(video, time, frame)
                return
        for time in times:
            try:
                frame = self.renderer.prepare(video, time)
            except Exception as error:  # raised by the next `get` of this frame
                self._settle(video, time, error=error)
            else:
                self._settle(video, time, frame)


def default_budget(renderer: Renderer) -> int:
    """Return the bytes for cached frames where the user chose none: all that a device has for frames, else 640 MiB."""
    return int(getattr(renderer, "frame_memory", DEFAULT_BUDGET))
