"""Pack the baked levels of a hash encoding into one texture array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import InputError


@dataclass(frozen=True)
class Place:
    """Position of a level. A level that is larger than a page is cut into pieces, one per page, row by row."""

    page: int
    """The page of the level's first node, counted per plane."""
    x: int
    """Column of the level's first node."""
    y: int
    """Row of the level's first node."""
    columns: int = 1
    """Pieces along each side of the level."""


@dataclass(frozen=True)
class Piece:
    """A part of a level, on one page."""

    page: int
    """The page, counted per plane."""
    corner: tuple[int, int]
    """Where node (0, 0) of the level would be on this page, texels."""
    rectangle: tuple[int, int, int, int]
    """x, y, width and height of the piece, texels."""


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

    @property
    def piece_cells(self) -> int:
        """Cells along a side of the pieces of levels that are cut; 0 if none is. Neighbors share the nodes of their border."""
        return self.width - 1 if any(place.columns > 1 for place in self.places) else 0


def lay_out(resolutions: list[int], max_size: int, max_layers: int) -> Atlas:
    """Place square levels in rows, the largest first. When a page is full, a new one begins.

    Args:
        resolutions: nodes along a side of each level.
        max_size: the driver's limit for the side of a texture.
        max_layers: most pages.

    Raises:
        InputError: there are more pages.
    """
    largest = max(resolutions)
    width = min(max_size, max(largest, 2 * sorted(resolutions)[-2] if len(resolutions) > 1 else 0))
    places: dict[int, Place] = {}
    page = x = y = shelf = used = 0
    for level in sorted(range(len(resolutions)), key=lambda index: -resolutions[index]):
        side = resolutions[level]
        if side > max_size:
            page, columns = page + (used > 0), -(-(side - 1) // (max_size - 1))
            places[level] = Place(page, 0, 0, columns)
            page, y, used = page + columns**2 - 1, max_size, max_size  # the last page is full
            continue
        if x + side > width:
            x, y, shelf = 0, y + shelf, 0
        if y + side > max_size:
            page, x, y, shelf = page + 1, 0, 0, 0
        places[level] = Place(page, x, y)
        x, shelf, used = x + side, max(shelf, side), max(used, y + side)
    if page >= max_layers:
        raise InputError(
            "hash encoding", f"needs {page + 1} textures of {width} x {used}; this graphics driver allows {max_layers}"
        )
    return Atlas(width, used, page + 1, tuple(places[level] for level in range(len(resolutions))))


def pieces(place: Place, resolution: int, cells: int) -> Iterator[Piece]:
    """Yield the pieces of a level with so many nodes along a side; only one if it is not cut.

    Args:
        place: its place.
        resolution: nodes along a side.
        cells: `Atlas.piece_cells`.
    """
    if place.columns == 1:
        yield Piece(place.page, (place.x, place.y), (place.x, place.y, resolution, resolution))
        return
    for index in range(place.columns**2):
        row, column = divmod(index, place.columns)
        left, top = column * cells, row * cells
        size = min(cells + 1, resolution - left), min(cells + 1, resolution - top)
        yield Piece(place.page + index, (-left, -top), (0, 0, *size))
