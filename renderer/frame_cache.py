"""Prepared frames kept in memory, and prepared ahead of the playhead on a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice

from model.video import VolumetricVideo
from renderer.backend import PreparedFrame, RenderCancelled, Renderer
from renderer.threads import lower_priority

MAX_FRACTIONAL_FRAMES = 32
"""Frames between frames that are kept at once: slow motion must not push the frames themselves out."""


class FrameCache:
    """Prepared frames by time, within a memory budget; safe to use from any thread.

    What is kept is decided by `decode_ahead`, whose times are in the order of play: beyond the budget the frame that
    playback comes to last is given up first, before it those that playback does not come to, the longest unused first.
    The frame asked for last is kept whatever its size. A frame is never prepared twice at once: who asks for one that
    another thread is preparing waits for it. Fractional times are kept under their exact time.

    Args:
        renderer: prepares frames; where it has a `frame_memory`, bytes, frames hold no more than that whatever the budget.
        video: where they come from.
        budget: bytes that all frames together may hold.
        max_fractional: frames at fractional times that are kept at once.
    """

    def __init__(
        self, renderer: Renderer, video: VolumetricVideo, budget: int, max_fractional: int = MAX_FRACTIONAL_FRAMES
    ) -> None:
        self.renderer = renderer
        self.video = video
        self._budget = budget
        self._max_fractional = max_fractional
        self._frames: dict[float, PreparedFrame] = {}  # in order of use, the longest unused first
        self._preparing: set[float] = set()
        self._failed: dict[float, Exception] = {}
        self._wanted: tuple[float, ...] = ()
        self._current: float | None = None
        self._largest = 0
        self._closed = False
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None

    @property
    def budget(self) -> int:
        """Bytes that all frames together may hold; assigning gives up what no longer fits."""
        return self._budget

    @budget.setter
    def budget(self, value: int) -> None:
        """Change the budget."""
        with self._changed:
            self._budget = value
            self._evict()
            self._changed.notify_all()

    @property
    def nbytes(self) -> int:
        """Bytes that the frames hold now."""
        with self._changed:
            return self._total()

    def cached_times(self) -> list[float]:
        """Times of the frames at hand, ascending; for the bar of a timeline."""
        with self._changed:
            return sorted(self._frames)

    def __contains__(self, time: float) -> bool:
        with self._changed:
            return time in self._frames

    def get(self, time: float) -> PreparedFrame:
        """The frame at `time`, prepared on this thread if it is not at hand.

        Raises:
            InputError: `time` is out of range.
            RenderCancelled: the cache was closed meanwhile.
            Exception: whatever kept the worker from preparing this frame; asking again tries again.
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
        frame = None
        try:
            frame = self.renderer.prepare(self.video, time)
            return frame
        finally:
            self._settle(time, frame)

    def nearest(self, time: float) -> PreparedFrame | None:
        """The frame at hand that is closest in time, to be shown while scrubbing is faster than decoding; None: there is none.

        Of two equally close ones playback's next comes first.
        """
        with self._changed:
            if not self._frames:
                return None
            ranks = self._ranks()
            return self._touch(min(self._frames, key=lambda t: (abs(t - time), ranks[t])))

    def decode_ahead(self, times: Sequence[float]) -> None:
        """Prepare these frames in the background, in this order; replaces what was asked for before.

        Frames beyond what the budget holds are left out, for they would push out the first ones. A frame that cannot be
        prepared is skipped; `get` of it, or `take_error`, tells why.

        Args:
            times: frame indices in the order in which playback comes to them, as `play_order` gives; empty: none.
        """
        with self._changed:
            # Each time once, where it comes first: ping-pong names frames twice.
            self._wanted = tuple(dict.fromkeys(float(t) for t in times))
            self._failed = {t: error for t, error in self._failed.items() if t in self._wanted}
            if self._worker is None and self._wanted and not self._closed:
                self._worker = threading.Thread(target=self._run, name="decode-ahead", daemon=True)
                self._worker.start()
            self._changed.notify_all()

    def take_error(self) -> Exception | None:
        """A fault that the worker met since the last call, or None; for callers that only use `nearest`."""
        with self._changed:
            return self._failed.pop(next(iter(self._failed))) if self._failed else None

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until nothing is left to decode ahead; returns whether that came within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._preparing and self._next_wanted() is None, timeout)

    def clear(self) -> None:
        """Give up all frames."""
        with self._changed:
            self._frames.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop decoding ahead and give up all frames; returns when the thread has ended its present frame."""
        with self._changed:
            self._closed, self._wanted = True, ()
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.join()
        self.clear()

    def _touch(self, time: float) -> PreparedFrame:
        self._frames[time] = frame = self._frames.pop(time)
        return frame

    def _settle(self, time: float, frame: PreparedFrame | None = None, fault: Exception | None = None) -> None:
        """End the preparation of a frame, well or not, in one step, so that who waits for it sees either outcome."""
        with self._changed:
            self._preparing.discard(time)
            if frame is not None and not self._closed:
                self._frames[time] = frame
                self._largest = max(self._largest, frame.nbytes)
                self._evict()
            if fault is not None:
                self._failed[time] = fault
            self._changed.notify_all()

    def _room(self) -> int:
        return min(self._budget, getattr(self.renderer, "frame_memory", self._budget))

    def _total(self) -> int:
        return sum(frame.nbytes for frame in self._frames.values())

    def _ranks(self) -> dict[float, int]:
        """Place of each frame at hand in the order of use to come; lower ones are kept."""
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

    def _next_wanted(self) -> float | None:
        # By the largest frame so far, or one that does not fit would be prepared and given up for ever.
        room = self._room() // self._largest if self._largest else 1
        # The frame on screen keeps its place in the budget, wherever it stands in the order of play.
        shown = [] if self._current is None else [self._current]
        ahead = [t for t in self._wanted if t not in shown]
        fractional = [t for t in ahead if t != int(t)]
        surplus = fractional[max(0, self._max_fractional - sum(t != int(t) for t in shown)) :]
        places = (t for t in ahead if t not in surplus)
        known = (self._frames, self._preparing, self._failed)
        for time in islice(places, max(0, room - len(shown))):
            if not any(time in place for place in known):
                return time
        return None

    def _run(self) -> None:
        lower_priority()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next_wanted() is not None)
                time = self._next_wanted()
                if self._closed or time is None:
                    return
                self._preparing.add(time)
            try:
                frame = self.renderer.prepare(self.video, time)
            except Exception as error:  # delivered by `get` of this frame, or by `take_error`
                self._settle(time, fault=error)
            else:
                self._settle(time, frame)


def play_order(time: float, direction: int, first: int, last: int, loop: bool) -> list[float]:
    """The frames that playback comes to after `time`, nearest first.

    Args:
        time: frame index of the playhead, may be fractional.
        direction: 1 forwards, -1 backwards.
        first, last: the range played, both included.
        loop: whether the range starts over at its end; each frame is named once, the playhead's own last.

    Returns:
        Whole frame indices.
    """
    frames = [float(t) for t in range(first, last + 1)][::direction]
    ahead = [t for t in frames if (t - time) * direction > 0]
    return ahead + [t for t in frames if (t - time) * direction <= 0] if loop else ahead
