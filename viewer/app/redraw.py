"""Decide when the window must draw, and record when the camera or the playhead moves."""

from __future__ import annotations

import time
from collections.abc import Callable

REST = 0.15
"""Seconds after the last move of the camera until it counts as still."""


class Redraw:
    """Counts the frames that the window still has to draw before it sleeps."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Ends the window's sleep; called from any thread."""
        self._frames = 3
        self._last_motion = -1.0

    def request(self, frames: int = 3) -> None:
        """Draw at least this many more frames before the window sleeps."""
        self._frames = max(self._frames, frames)

    def notify(self) -> None:
        """Draw soon and wake the window; may be called from any thread."""
        self.request(2)
        self.wake()

    def record_motion(self) -> None:
        """Note that the user moves the camera or the playhead now; images stay coarse until the motion ends."""
        self._last_motion = time.monotonic()
        self.request()

    def begin_frame(self) -> None:
        """Count one frame as drawn."""
        self._frames -= 1

    @property
    def pending(self) -> bool:
        """Whether frames are still to be drawn."""
        return self._frames > 0

    @property
    def recently_moved(self) -> bool:
        """Whether the user moved the camera or the playhead a moment ago."""
        return time.monotonic() - self._last_motion < REST
