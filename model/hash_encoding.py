"""Multi-level hash encodings of (u, v, t), one per plane, and their exact reduction to 2D grids for a fixed t."""

from __future__ import annotations

import torch
from torch import nn

from model.config import HashEncodingConfig
from model.hash_levels import HASH_PRIMES, HashLevel, hash_levels


def smoothstep(s: torch.Tensor) -> torch.Tensor:
    """Return the interpolation weight 3s^2 - 2s^3 of a fraction s in [0, 1], for tensors of any shape."""
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
