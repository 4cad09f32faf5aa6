"""Split an image into tiles. Each is one draw call, short enough for the driver's watchdog."""

from __future__ import annotations

from collections.abc import Iterator

from renderer.backend import Region

MIN_SIDE, MAX_SIDE = 16, 512
"""Pixels along a side of a tile."""

TARGET_MS = 25.0
"""A draw call should take at most this long: drivers reset a card that does not respond for some seconds, and a window on
the same card has to wait for it."""


BLOCK_SIDE = 2048
"""Pixels along a side of the parts that large images are rendered in, so that their textures fit anywhere."""


def blocks(width: int, height: int, side: int = BLOCK_SIDE) -> Iterator[Region]:
    """Cover an image with blocks, row by row; none when it is empty."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield left, top, min(left + side, width), min(top + side, height)


class TileSize:
    """The side of the next tiles, adapted to the time that the last ones took."""

    def __init__(self) -> None:
        self.side = 64

    def record(self, pixels: int, milliseconds: float) -> None:
        """Adapt the side to the time of a draw call over this many pixels."""
        if milliseconds > TARGET_MS:
            self.side = max(MIN_SIDE, self.side // 2)
        elif milliseconds < TARGET_MS / 8 and pixels >= self.side**2 // 2:
            self.side = min(MAX_SIDE, self.side * 2)


def tiles(width: int, height: int, size: TileSize) -> Iterator[Region]:
    """Cover an image with tiles, band by band; the size may change from one band to the next."""
    top = 0
    while top < height:
        side = size.side
        for left in range(0, width, side):
            yield left, top, min(left + side, width), min(top + side, height)
        top += side
