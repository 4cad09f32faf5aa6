"""A fake renderer of frames for tests of the frame cache, which they control step by step."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

from renderer.frame_cache import FrameCache
from tests.waiting import TIMEOUT


@dataclass(frozen=True)
class FakeFrame:
    time: float
    nbytes: int = 10


class FakeVideo:
    """A video of 100 frames that has nothing to load ahead."""

    num_frames = 100

    def load_ahead(self, times: object) -> None:
        """Do nothing."""


class FakeRenderer:
    """Prepares frames immediately, or one per `release` if `gated`. Records which frames were prepared, in order."""

    def __init__(self, gated: bool = False) -> None:
        self.prepared: list[float] = []
        self.sizes: dict[float, int] = {}
        self.faults: dict[float, Exception] = {}
        self.started: queue.Queue[float] = queue.Queue()
        self._gate = threading.Semaphore(0) if gated else None

    def prepare(self, video: object, time: float) -> FakeFrame:
        self.prepared.append(time)
        self.started.put(time)
        if self._gate is not None:
            assert self._gate.acquire(timeout=TIMEOUT)
        if time in self.faults:
            raise self.faults[time]
        return FakeFrame(time, self.sizes.get(time, 10))

    def release(self, count: int = 1) -> None:
        assert self._gate is not None
        self._gate.release(count)


def make_cache(renderer: FakeRenderer, budget: int | None = 1000, **options: int) -> FrameCache:
    return FrameCache(renderer, FakeVideo(), budget, **options)  # type: ignore[arg-type]
