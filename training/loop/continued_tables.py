"""Hash tables for the frames after those that they were trained on: what they contain is moved along the time axis."""

from __future__ import annotations

from collections.abc import Callable

import torch

from model.config import HashEncodingConfig
from model.hash_encoding import cell_and_weight, entry_index
from model.hash_levels import HashLevel, hash_levels


def move_tables(tables: torch.Tensor, config: HashEncodingConfig, time_of: Callable[[float], float]) -> torch.Tensor:
    """Return tables that contain at each of their instants what others contain at another instant.

    In hashed levels, several nodes share an entry. It gets what the first of the instants needs.

    Args:
        tables: (3, entries, F).
        config: their levels.
        time_of: maps t/T of the new tables to that of the others, both in [0, 1).
    """
    moved = tables.clone()
    for level in hash_levels(config):
        own = slice(level.offset, level.offset + level.entries)
        _move_level(tables[:, own], moved[:, own], level, time_of)
    return moved


def _move_level(table: torch.Tensor, moved: torch.Tensor, level: HashLevel, time_of: Callable[[float], float]) -> None:
    """Fill the entries of one level, (3, entries, F) each, the nodes of the first instant last."""
    v, u = torch.meshgrid(*[torch.arange(level.resolution, device=table.device)] * 2, indexing="ij")
    for node in reversed(range(level.time_resolution)):
        position = torch.tensor(time_of(node / level.time_scale) * level.time_scale, dtype=torch.float64)
        k, weight = cell_and_weight(position, level.time_resolution)
        lower, upper = (table[:, entry_index(level, u, v, k + step)] for step in (0, 1))
        moved[:, entry_index(level, u, v, torch.tensor(node, device=table.device))] = torch.lerp(lower, upper, float(weight))
