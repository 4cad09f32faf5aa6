"""The levels of a hash encoding: their nodes, and where their entries lie in the tables."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from model.config import HashEncodingConfig

HASH_PRIMES = (1, 2654435761, 805459861)
"""Factors of the spatial hash for u, v and t (Instant-NGP, equation 4)."""

_ROUNDING = 1e-6  # growth^level is not exact; without this 64.0000001 would become 65 nodes


@dataclass(frozen=True)
class HashLevel:
    """Geometry of one level: its nodes along each axis and where its entries lie in a table."""

    scale: float
    """Position along u or v in nodes = coordinate in [0, 1] times this."""
    time_scale: float
    """Position along t in nodes = t/T in [0, 1) times this."""
    resolution: int
    """Nodes along u and along v."""
    time_resolution: int
    """Nodes along t."""
    offset: int
    """First entry of the level in its table."""
    entries: int
    """Entries of the level."""

    @property
    def dense(self) -> bool:
        """Whether every node has its own entry; otherwise nodes are hashed."""
        return self.resolution**2 * self.time_resolution <= self.entries


@functools.cache
def hash_levels(config: HashEncodingConfig) -> tuple[HashLevel, ...]:
    """Return the levels of a hash encoding, coarsest first.

    Level l has scale `base * growth^l - 1` (not rounded) and ceil(scale) + 1 nodes; it is dense when its full grid fits
    into 2^log2_table_size entries.
    """
    ratio = config.finest_resolution / config.base_resolution
    growth = ratio ** (1 / max(config.num_levels - 1, 1))
    levels: list[HashLevel] = []
    offset = 0
    for index in range(config.num_levels):
        scale = config.base_resolution * growth**index - 1
        time_scale = scale if config.time_resolution is None else min(scale, config.time_resolution - 1.0)
        resolution, time_resolution = (math.ceil(s - _ROUNDING) + 1 for s in (scale, time_scale))
        entries = min(resolution**2 * time_resolution, 1 << config.log2_table_size)
        levels.append(HashLevel(scale, time_scale, resolution, time_resolution, offset, entries))
        offset += entries
    return tuple(levels)
