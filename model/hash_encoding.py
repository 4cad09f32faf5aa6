"""Multi-level hash encodings of (u, v, t), one per plane, and their exact reduction to 2D grids for a fixed t."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import nn

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


def smoothstep(s: torch.Tensor) -> torch.Tensor:
    """Return the interpolation weight 3s^2 - 2s^3 of a fraction s in [0, 1]."""
    return s * s * (3 - 2 * s)


def cell_and_weight(position: torch.Tensor, nodes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lower node (int64) and the smoothstep weight of the upper one, for positions in [0, nodes - 1]."""
    corner = position.detach().floor().clamp(0, nodes - 2)
    return corner.long(), smoothstep(position - corner)


class HashEncoding(nn.Module):
    """The hash tables of the three planes.

    `tables` is a parameter of shape (3 planes, entries, F), levels concatenated, F features per entry. Entries start
    uniform in [-1e-4, 1e-4] (Instant-NGP).
    """

    def __init__(self, config: HashEncodingConfig) -> None:
        super().__init__()
        self.config = config
        self.levels = hash_levels(config)
        entries = sum(level.entries for level in self.levels)
        self.tables = nn.Parameter(torch.empty(3, entries, config.features_per_level).uniform_(-1e-4, 1e-4))

    def forward(self, uv: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Look up features at the eight corners of a cell, as the paper defines it. `bake` must give the same.

        Args:
            uv: (3, P, 2) coordinates on each plane, [0, 1].
            time: (P,) t/T, [0, 1).

        Returns:
            (3, P, L * F), level-major.
        """
        tables = self._level_tables()
        return torch.cat([self._lookup(level, tables[i], uv, time) for i, level in enumerate(self.levels)], dim=-1)

    def bake(self, time: float | torch.Tensor) -> list[torch.Tensor]:
        """Interpolate the tables along t: 2D grids of all levels at one time. Exact, since all points of a frame share t.

        Args:
            time: t/T in [0, 1).

        Returns:
            One tensor per level: (3, F, N along v, N along u). Differentiable with respect to the tables, and to a time that is
            a tensor.
        """
        return [self._bake_level(level, table, time) for level, table in zip(self.levels, self._level_tables(), strict=True)]

    def _level_tables(self) -> tuple[torch.Tensor, ...]:
        # The backward pass of one split is one concatenation; that of each slice would fill a whole table with zeros.
        return self.tables.split([level.entries for level in self.levels], dim=1)

    def _bake_level(self, level: HashLevel, table: torch.Tensor, time: float | torch.Tensor) -> torch.Tensor:
        position = torch.as_tensor(time * level.time_scale, dtype=torch.float64)
        k, weight = cell_and_weight(position, level.time_resolution)
        v, u = torch.meshgrid(*[torch.arange(level.resolution, device=table.device)] * 2, indexing="ij")
        lower, upper = (table[:, entry_index(level, u, v, k + step)] for step in (0, 1))
        share = weight.to(lower) if weight.requires_grad else float(weight)
        return torch.lerp(lower, upper, share).permute(0, 3, 1, 2)

    def _lookup(self, level: HashLevel, table: torch.Tensor, uv: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        scale, nodes = level.scale, level.resolution
        (u, wu), (v, wv) = (cell_and_weight(uv[..., axis] * scale, nodes) for axis in (0, 1))
        t, wt = cell_and_weight(time * level.time_scale, level.time_resolution)
        planes = torch.arange(3, device=table.device)[:, None]
        result = table.new_zeros(())
        for du, dv, dt in ((a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)):
            weight = (wu if du else 1 - wu) * (wv if dv else 1 - wv) * (wt if dt else 1 - wt)
            result = result + weight[..., None] * table[planes, entry_index(level, u + du, v + dv, t + dt)]
        return result


def entry_index(level: HashLevel, u: torch.Tensor, v: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Return the index within a level of the nodes (u, v, t), int64 tensors that broadcast.

    Dense levels: u + v * N + t * N^2. Others: the xor of the nodes times `HASH_PRIMES`, modulo the level's entries.
    """
    if level.dense:
        return u + (v + t * level.resolution) * level.resolution
    hashed = u * HASH_PRIMES[0] ^ v * HASH_PRIMES[1] ^ t * HASH_PRIMES[2]
    # Only the low 32 bits count: the products of the definition wrap around in unsigned 32-bit arithmetic.
    return (hashed & 0xFFFFFFFF) % level.entries
