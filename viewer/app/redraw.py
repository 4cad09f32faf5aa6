"""Decide when the window must draw, and record when the camera or the playhead moves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

REST = 0.15
"""Seconds after the last move of the camera until it counts as still."""


class Redraw:
    """Counts the frames that the window still has to draw before it sleeps."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Ends the window's sleep; called from any thread."""
        self._frames, self._due = 3, math.inf
        self._last_motion = self._last_frame = -1.0

    def request(self, frames: int = 3) -> None:
        """Draw at least this many more frames before the window sleeps."""
        self._frames = max(self._frames, frames)

    def request_in(self, seconds: float) -> None:
        """Draw a frame after this time, if none is drawn then for another reason."""
        self._due = min(self._due, time.monotonic() + seconds)

    def notify(self) -> None:
        """Draw soon and wake the window; may be called from any thread."""
        self.request(2)
        self.wake()

    def image_arrived(self) -> None:
        """Wake the window to show an image; may be called from any thread."""
        self.request(1)
        self.wake()

    def record_motion(self) -> None:
        """Note that the user moves the camera or the playhead now; images stay coarse until the motion ends."""
        self._last_motion = time.monotonic()
        self.request(1)

    def begin_frame(self) -> None:
        """Count one frame as drawn."""
        self._frames -= 1
        self._last_frame = time.monotonic()
        if self.until_due <= 0:
            self._due = math.inf

    @property
    def since_frame(self) -> float:
        """Seconds since the last frame began."""
        return time.monotonic() - self._last_frame

    @property
    def pending(self) -> bool:
        """Whether frames are still to be drawn."""
        return self._frames > 0 or self.until_due <= 0

    @property
    def until_due(self) -> float:
        """Seconds until the frame of `request_in` is due; infinite if there is none."""
        return self._due - time.monotonic()

    @property
    def recently_moved(self) -> bool:
        """Whether the user moved the camera or the playhead a moment ago."""
        return self.until_rest > 0

    @property
    def until_rest(self) -> float:
        """Seconds until the camera and the playhead count as still; 0 or less if they do."""
        return self._last_motion + REST - time.monotonic()
