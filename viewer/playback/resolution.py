"""Dynamic resolution: choose the render scale that holds a target frame rate."""

from __future__ import annotations

import math
import statistics
from collections import deque

MIN_SCALE, MAX_SCALE = 0.15, 1.0
"""Smallest and largest render scale: fraction of the full resolution along each axis."""

WINDOW = 5
"""Number of measurements per decision. Their median ignores two outliers."""

IGNORED = 2
"""Measurements ignored after a start or a change of size or backend, because they include allocation and compilation."""

DEAD_BAND = (0.85, 1.05)
"""The scale stays while the time per frame is within these multiples of the target."""

AIM = 0.95
"""A change aims at this multiple of the target time, which lies inside the dead band."""

QUICK_LOAD = 2.0
"""Two measurements in a row beyond this multiple of the target time are enough to lower the scale."""

MAX_STEP = 2.5
"""The number of pixels changes by at most this factor per decision."""

JUDGED = 0.3
"""A reduction is judged once it has removed this share of the pixels: the effect of a smaller one is lost in the noise."""

RETRY = 300
"""Number of decisions after which a reduction that did not help is tried again, since the scene may have changed."""


PLAYING = (0.5, 1.25)
"""While only the video moves, its own rate is aimed at, within these multiples of the target: dropped frames are easier to see
than a slower camera, and frames that are not due yet leave time for more pixels."""

IN_TIME = 1.1
"""While only the video moves, this multiple of its rate is aimed at: no time within `DEAD_BAND` then drops a frame."""


def aimed_rate(target_fps: float, video_fps: float | None) -> float:
    """Return the images per second to aim at.

    Args:
        target_fps: the target, images per second.
        video_fps: frames per second of a video that plays; None while the camera moves.
    """
    if video_fps is None:
        return target_fps
    lowest, highest = (multiple * target_fps for multiple in PLAYING)
    return IN_TIME * min(max(video_fps, lowest), highest)


class ResolutionController:
    """Measures how long frames take and chooses the render scale of the next one.

    Only measurements of frames rendered at the current scale count, so that a change is judged by its own effect. The time
    is modeled as a fixed part plus a part proportional to the pixels. The scale is not lowered further than it helps.

    Args:
        target_fps: target frame rate, frames per second.
    """

    def __init__(self, target_fps: float = 24.0) -> None:
        self.target_fps = target_fps
        """Target frame rate, frames per second."""
        self.enabled = True
        """Whether the scale follows the measurements. Otherwise it is `MAX_SCALE`."""
        self._scale = MAX_SCALE
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._ignore = IGNORED
        self._before: tuple[float, float] | None = None  # scale and time before it was lowered, until that is judged
        self._floor = MIN_SCALE  # a lower scale did not help at the last attempt
        self._floor_age = 0
        self._disproof: float | None = None  # a time on the floor beyond which the lower scale was faster after all

    @property
    def scale(self) -> float:
        """Render scale of the next frame: fraction of the full resolution along each axis."""
        return self._scale if self.enabled else MAX_SCALE

    def restart(self) -> None:
        """Discard the measurements after a change of window, scene or backend. The scale stays."""
        self._times.clear()
        self._ignore = IGNORED
        self._before, self._floor, self._disproof = None, MIN_SCALE, None

    def measure(self, seconds: float, scale: float) -> None:
        """Record the time of a finished frame.

        Args:
            seconds: from request to finished image, without decoding; ignored unless positive and finite.
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
        self._check_floor(seconds)
        if self._before is not None and self._lowered_by() >= JUDGED:
            scale, seconds_before = self._before
            helpful = seconds_before * (1.0 - 0.25 * self._lowered_by())
            if seconds > helpful:  # most of the time does not depend on pixels
                self._floor, self._floor_age, self._disproof = scale, 0, seconds * seconds_before / helpful
                self._change(scale)
                return
            self._before = None
        self._floor_age += 1
        if self._floor_age > RETRY:
            self._floor = MIN_SCALE
        load = seconds * self.target_fps
        if DEAD_BAND[0] <= load <= DEAD_BAND[1]:
            self._before = None
            return
        pixels = min(max(AIM / load, 1.0 / MAX_STEP), MAX_STEP)
        least = MIN_SCALE if load < 1 else min(max(MIN_SCALE, self._floor), self._scale)
        wanted = min(max(self._scale * math.sqrt(pixels), least), MAX_SCALE)
        if abs(wanted / self._scale - 1.0) < 0.02:
            return
        before = (self._before or (self._scale, seconds)) if wanted < self._scale else None
        self._change(wanted)
        self._before = before

    def _change(self, scale: float) -> None:
        self._scale, self._before = scale, None
        self._times.clear()
        self._ignore = 1

    def _check_floor(self, seconds: float) -> None:
        """Give up the floor if the first time measured on it shows that other work came while the scale was lowered."""
        if self._disproof is not None and seconds > self._disproof:
            self._floor = MIN_SCALE
        self._disproof = None

    def _lowered_by(self) -> float:
        """Return by which share of the pixels the scale was lowered since the time that `_before` holds."""
        return 0.0 if self._before is None else 1.0 - (self._scale / self._before[0]) ** 2
