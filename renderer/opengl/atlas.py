"""Pack the baked levels of a hash encoding into one texture array."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import InputError


@dataclass(frozen=True)
class Place:
    """Position of a level."""

    page: int
    """The layer, counted per plane."""
    x: int
    """Column of the level's first node."""
    y: int
    """Row of the level's first node."""


@dataclass(frozen=True)
class Atlas:
    """The places of all levels."""

    width: int
    """Texels of a page."""
    height: int
    """Texels of a page."""
    pages: int
    """Pages per plane."""
    places: tuple[Place, ...]
    """One per level."""


def lay_out(resolutions: list[int], max_size: int) -> Atlas:
    """Place square levels in rows, the largest first. When a page is full, a new one begins.

    Args:
        resolutions: nodes along a side of each level.
        max_size: the driver's limit for the side of a texture.

    Raises:
        InputError: a level is larger than the limit.
    """
    largest = max(resolutions)
    if largest > max_size:
        raise InputError("hash encoding", f"has a level of {largest} nodes; this graphics driver allows {max_size}")
    width = min(max_size, max(largest, 2 * sorted(resolutions)[-2] if len(resolutions) > 1 else 0))
    places: dict[int, Place] = {}
    page = x = y = shelf = used = 0
    for level in sorted(range(len(resolutions)), key=lambda index: -resolutions[index]):
        side = resolutions[level]
        if x + side > width:
            x, y, shelf = 0, y + shelf, 0
        if y + side > max_size:
            page, x, y, shelf = page + 1, 0, 0, 0
        places[level] = Place(page, x, y)
        x, shelf, used = x + side, max(shelf, side), max(used, y + side)
    return Atlas(width, used, page + 1, tuple(places[level] for level in range(len(resolutions))))
