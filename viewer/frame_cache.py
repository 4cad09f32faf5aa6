"""Decoded frames kept in memory, and decoded ahead of the playhead on a thread of their own."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence

from model.video import VolumetricVideo
from renderer.backend import PreparedFrame, Renderer


class FrameCache:
    """Prepared frames by time, least recently used ones given up beyond a memory budget; safe to use from any thread.

    A frame is never prepared twice at once: who asks for one that another thread is preparing waits for it.

    Args:
        renderer: prepares frames.
        video: where they come from.
        budget: bytes that all frames together may hold; the frame asked for last is kept whatever its size.
    """

    def __init__(self, renderer: Renderer, video: VolumetricVideo, budget: int) -> None:
        self.renderer = renderer
        self.video = video
        self._budget = budget
        self._frames: OrderedDict[float, PreparedFrame] = OrderedDict()
        self._preparing: set[float] = set()
        self._wanted: tuple[float, ...] = ()
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def budget(self) -> int:
        """Bytes that all frames together may hold; assigning gives up what no longer fits."""
        return self._budget

    @budget.setter
    def budget(self, value: int) -> None:
        with self._changed:
            self._budget = value
            self._evict()

    @property
    def nbytes(self) -> int:
        """Bytes that the frames hold now."""
        with self._changed:
            return sum(frame.nbytes for frame in self._frames.values())

    @property
    def times(self) -> list[float]:
        """Times of the frames at hand, ascending."""
        with self._changed:
            return sorted(self._frames)

    def __contains__(self, time: float) -> bool:
        with self._changed:
            return time in self._frames

    def get(self, time: float) -> PreparedFrame:
        """The frame at `time`, prepared now if it is not at hand; InputError when it is out of range."""
        with self._changed:
            self._changed.wait_for(lambda: time not in self._preparing)
            if time in self._frames:
                self._frames.move_to_end(time)
                return self._frames[time]
            self._preparing.add(time)
        return self._prepare(time)

    def decode_ahead(self, times: Sequence[float]) -> None:
        """Prepare these frames in the background, in this order; replaces what was asked for before.

        Frames beyond what the budget holds are left out, or they would push out the first ones.
        """
        with self._changed:
            self._wanted = tuple(times)
            if self._thread is None and self._wanted and not self._closed:
                self._thread = threading.Thread(target=self._run, name="decode-ahead", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def clear(self) -> None:
        """Give up all frames."""
        with self._changed:
            self._frames.clear()

    def close(self) -> None:
        """Stop decoding ahead and give up all frames; returns when the thread has ended."""
        with self._changed:
            self._closed, self._wanted = True, ()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.clear()

    def _prepare(self, time: float) -> PreparedFrame:
        try:
            frame = self.renderer.prepare(self.video, time)
            with self._changed:
                self._frames[time] = frame
                self._evict()
            return frame
        finally:
            with self._changed:
                self._preparing.discard(time)
                self._changed.notify_all()

    def _evict(self) -> None:
        total = sum(frame.nbytes for frame in self._frames.values())
        while total > self._budget and len(self._frames) > 1:
            total -= self._frames.popitem(last=False)[1].nbytes

    def _next_wanted(self) -> float | None:
        if not self._wanted:
            return None
        largest = max((frame.nbytes for frame in self._frames.values()), default=0)
        room = max(1, self._budget // largest - 1) if largest else 1
        missing = (t for t in self._wanted[:room] if t not in self._frames and t not in self._preparing)
        return next(missing, None)

    def _run(self) -> None:
        lower_priority()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next_wanted() is not None)
                if self._closed:
                    return
                time = self._next_wanted()
                if time is None:
                    continue
                self._preparing.add(time)
            try:
                self._prepare(time)
            except Exception:  # the render thread meets the same fault and reports it
                with self._changed:
                    self._wanted = ()


def lower_priority() -> None:
    """Let the calling thread, and threads it starts, give way to the window; where the system cannot, do nothing."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
