"""Ways to compare two images: off, split, difference."""

from __future__ import annotations

import enum


class Comparison(enum.IntEnum):
    """Way to compare two images."""

    NONE = 0
    """Off. Only the first image is shown."""
    DIVIDER = 1
    """The first image left of a divider, the second right of it."""
    DIFFERENCE = 2
    """The largest difference of a color channel, shown through the color map."""
