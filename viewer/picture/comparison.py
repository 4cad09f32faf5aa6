"""How a second image is compared with the first."""

from __future__ import annotations

import enum


class Comparison(enum.IntEnum):
    """How a second image is compared with the first."""

    NONE = 0
    """Not at all."""
    DIVIDER = 1
    """The first image left of a divider, the second right of it."""
    DIFFERENCE = 2
    """The largest difference of a color channel, shown through the color map."""
