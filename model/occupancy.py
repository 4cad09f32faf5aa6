"""Occupancy volumes, packed into bits (paper, supplementary section 1). `occupancy_extraction.py` computes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def packed_size(resolution: tuple[int, int, int]) -> int:
    """Return the bytes of one packed volume."""
    return (math.prod(resolution) + 7) // 8


def pack_occupancy(occupancy: ArrayLike) -> NDArray[np.uint8]:
    """Pack (..., X, Y, Z) bool into (..., bytes) uint8: cell c = (x Y + y) Z + z is bit c mod 8, lowest first, of byte c/8."""
    cells = np.asarray(occupancy)
    return np.packbits(cells.reshape(*cells.shape[:-3], -1), axis=-1, bitorder="little")


def unpack_occupancy(packed: ArrayLike, resolution: Sequence[int]) -> NDArray[np.bool_]:
    """Undo `pack_occupancy`: (..., bytes) uint8 to (..., X, Y, Z) bool."""
    values = np.asarray(packed)
    bits = np.unpackbits(values, axis=-1, count=math.prod(resolution), bitorder="little")
    return bits.view(np.bool_).reshape(*values.shape[:-1], *resolution)
