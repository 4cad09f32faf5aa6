"""Find the entries of the hash tables that rendering can read, given the occupied cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.config import PLANE_AXES, PLANES
from model.hash_levels import HASH_PRIMES, HashLevel, hash_levels
from model.occupancy import unpack_occupancy
from model.video import VolumetricVideo

MARGIN = 1 / 1024
"""Widening of each cell, as a fraction of its side, against rounding of the points in it."""

Mask = NDArray[np.bool_]


def read_entries(video: VolumetricVideo) -> Mask:
    """Return which entries any point in an occupied cell of any frame, or between two frames, interpolates.

    Returns:
        (3 planes, entries) bool. The others can have any value without changing a picture.
    """
    cells = unpack_occupancy(video.occupancy, video.config.occupancy.resolution)
    levels = hash_levels(video.config.hash)
    result = np.zeros((3, sum(level.entries for level in levels)), bool)
    for plane, name in enumerate(PLANES):
        # A pixel of the plane is needed if any cell along the third axis is occupied.
        axis = ({0, 1, 2} - set(PLANE_AXES[name])).pop()
        needed = np.asarray(cells.any(axis=1 + axis))
        for level in levels:
            result[plane, level.offset : level.offset + level.entries] = _of_level(level, needed)
    return result


def _of_level(level: HashLevel, needed: Mask) -> Mask:
    frames = len(needed)
    nodes = np.zeros((level.time_resolution, level.resolution, level.resolution), bool)  # t, u, v
    along_u, along_v = (_nodes_of_cells(level, count) for count in needed.shape[1:])
    for frame, pixels in enumerate(needed):
        read = along_u.T @ pixels.astype(np.float32) @ along_v > 0
        # Between two frames the cells of both are occupied.
        first, last = (t / frames * level.time_scale for t in (max(frame - 1, 0), min(frame + 1, frames - 1)))
        lower, upper = (min(int(position), level.time_resolution - 2) for position in (first, last))
        nodes[lower : upper + 2] |= read
    t, u, v = np.nonzero(nodes)
    result = np.zeros(level.entries, bool)
    if level.dense:
        result[u + (v + t * level.resolution) * level.resolution] = True
    else:
        result[(u * HASH_PRIMES[0] ^ v * HASH_PRIMES[1] ^ t * HASH_PRIMES[2]) % (1 << 32) % level.entries] = True
    return result


def _nodes_of_cells(level: HashLevel, count: int) -> NDArray[np.float32]:
    """Return (cells, nodes): 1 where a cell along one axis reads a node."""
    index = np.arange(count)
    first, last = ((index + shift) / count for shift in (-MARGIN, 1 + MARGIN))
    lower, upper = (np.clip(np.floor(x * level.scale), 0, level.resolution - 2).astype(int) for x in (first, last))
    nodes = np.arange(level.resolution)
    return ((nodes >= lower[:, None]) & (nodes <= upper[:, None] + 1)).astype(np.float32)
