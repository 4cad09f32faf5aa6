"""Dynamic resolution: the render scale that keeps a target frame rate, without spiraling down."""

from __future__ import annotations

import math
import statistics
from collections import deque

MIN_SCALE, MAX_SCALE = 0.15, 1.0
"""Smallest and largest share of the full resolution along each axis."""

WINDOW = 5
"""Measurements that a decision rests on; its median ignores two outliers."""

IGNORED = 2
"""Measurements left out after a start, a change of size or of backend: they hold allocations and compilations."""

DEAD_BAND = (0.75, 1.15)
"""Nothing changes while the time a frame takes is within these multiples of the target."""

AIM = 0.92
"""A change aims at this multiple of the target time, inside the dead band."""

QUICK_LOAD = 2.0
"""Two measurements in a row beyond this multiple of the target time are enough to lower the scale."""

MAX_STEP = 2.5
"""The pixels of the next frame are at most this many times more or fewer."""


RETRY = 300
"""Decisions after which a lowering that did not help is tried again; the scene may have changed."""


class ResolutionController:
    """Watches how long frames take and chooses the share of the resolution at which the next one is rendered.

    Only measurements of frames rendered at the current scale count, so that a change is judged by its own effect; the
    time is taken to be a fixed part plus a part proportional to the pixels, and lowering stops where it no longer helps.

    Args:
        target_fps: frames a second wanted.
    """

    def __init__(self, target_fps: float = 30.0) -> None:
        self.target_fps = target_fps
        """Frames a second wanted."""
        self.enabled = True
        """Whether the scale follows the measurements; else it is `MAX_SCALE`."""
        self._scale = MAX_SCALE
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._ignore = IGNORED
        self._before: tuple[float, float] | None = None  # scale and time before the last lowering
        self._floor = MIN_SCALE  # lowering beyond did not help when it was tried last
        self._floor_age = 0

    @property
    def scale(self) -> float:
        """Share of the full resolution along each axis for the next frame."""
        return self._scale if self.enabled else MAX_SCALE

    def restart(self) -> None:
        """Forget the measurements: the window, the scene or the backend changed. The scale stays."""
        self._times.clear()
        self._ignore = IGNORED
        self._before, self._floor = None, MIN_SCALE

    def measure(self, seconds: float, scale: float) -> None:
        """Take the time of a finished frame.

        Args:
            seconds: from request to finished picture, decoding left out; not positive or not finite is ignored.
            scale: the scale that it was rendered at; ignored unless it is the current one.
        """
        if not (self.enabled and math.isfinite(seconds) and seconds > 0 and scale == self._scale):
            return
        if self._ignore > 0:
            self._ignore -= 1
            return
        self._times.append(seconds)
        overloaded = len(self._times) > 1 and min(self._times) * self.target_fps > QUICK_LOAD
        if len(self._times) == WINDOW or overloaded:
            self._decide(statistics.median(self._times))

    def _decide(self, seconds: float) -> None:
        if self._before is not None and self._lowering_was_useless(*self._before, seconds):
            self._floor, self._floor_age = self._before[0], 0
            self._change(self._before[0])
            return
        self._before = None
        self._floor_age += 1
        if self._floor_age > RETRY:
            self._floor = MIN_SCALE
        load = seconds * self.target_fps
        if DEAD_BAND[0] <= load <= DEAD_BAND[1]:
            return
        pixels = min(max(AIM / load, 1.0 / MAX_STEP), MAX_STEP)
        least = MIN_SCALE if load < 1 else min(max(MIN_SCALE, self._floor), self._scale)
        wanted = min(max(self._scale * math.sqrt(pixels), least), MAX_SCALE)
        if abs(wanted / self._scale - 1.0) < 0.02:
            return
        before = (self._scale, seconds) if wanted < self._scale else None
        self._change(wanted)
        self._before = before

    def _change(self, scale: float) -> None:
        self._scale, self._before = scale, None
        self._times.clear()
        self._ignore = 1

    def _lowering_was_useless(self, scale: float, seconds_before: float, seconds: float) -> bool:
        # It saved less than a quarter of the pixels' share in time: the rest is not made of pixels.
        fewer_pixels = 1.0 - (self._scale / scale) ** 2
        return 1.0 - seconds / seconds_before < 0.25 * fewer_pixels
