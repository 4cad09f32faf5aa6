"""Decide how long the window may wait before it draws again, so that it does not take the cores from the renderer."""

from __future__ import annotations

import math
from dataclasses import dataclass

HEARTBEAT = 0.1
"""Longest time between two frames of the window while something moves, seconds. Clocks and progress stay current."""

INPUT_INTERVAL = 1 / 30
"""Shortest time between two frames while the renderer works and the user does something, seconds. A new image never waits."""

IMAGE_GRACE = 0.012
"""A frame of the window that is due shortly before an image waits for the image, at most this many seconds. Two frames in quick
succession would look like one and take the renderer's time."""

MOTION_INTERVAL = 1 / 120
"""Shortest time between two updates of a camera that flies or follows a path, seconds."""

SLEEP = 2.0
"""Longest sleep while nothing moves, seconds."""


@dataclass(frozen=True)
class Activity:
    """What happens in the window at one moment."""

    moving: bool
    """Whether the camera, the playhead or the video moves, or moved when the last image was requested."""
    pending: bool
    """Whether something asked for another frame of the window."""
    image_waits: bool
    """Whether an image has arrived that the window has not taken."""
    rendering: bool
    """Whether the renderer works on the latest request."""
    image_in: float
    """Seconds until the next image is expected; negative if it is late, infinite if none is being made."""
    next_change: float
    """Seconds until the next frame of the video, the next step of the camera, or the end of a motion, whichever comes first."""
    redraw_in: float
    """Seconds until a frame that was asked for is due; infinite if there is none."""
    since_drawn: float
    """Seconds since the last frame of the window began."""

    @property
    def update_due(self) -> bool:
        """Whether the app must be updated now, although nothing has to be drawn before the next image arrives."""
        return self.moving and not self.rendering and self.next_change <= 0

    @property
    def wait(self) -> float:
        """Seconds that the window may wait for an event. 0 means that it draws now.

        While something moves, the window draws a frame for each image that arrives. While the renderer works, it answers input
        at `INPUT_INTERVAL`, or with an image that is expected shortly after. Otherwise it answers immediately.
        """
        if self.image_waits or (self.pending and not (self.moving and self.rendering)):
            return 0.0
        if not self.moving:
            return min(SLEEP, self.redraw_in)
        soon = abs(self.image_in) < IMAGE_GRACE
        interval = INPUT_INTERVAL + IMAGE_GRACE * soon if self.pending else HEARTBEAT
        due = math.inf if self.rendering else self.next_change
        return max(0.0, min(interval - self.since_drawn, due))
