"""Hash tables for the frames after those that they were trained on: what they contain is moved along the time axis."""

from __future__ import annotations

from collections.abc import Callable

import torch

from model.config import HashEncodingConfig
from model.hash_encoding import cell_and_weight
from model.hash_levels import HashLevel, hash_levels


def move_tables(tables: torch.Tensor, config: HashEncodingConfig, time_of: Callable[[float], float]) -> torch.Tensor:
    """Return tables that contain at each instant what others contain at another instant.

    In hashed levels, nodes of all instants share entries, which cannot be moved. They stay as they are.

    Args:
        tables: (3, entries, F).
        config: their levels.
        time_of: maps t/T of the new tables to that of the others, both in [0, 1).
    """
    moved = tables.clone()
    for level in hash_levels(config):
        if level.dense:
            own = slice(level.offset, level.offset + level.entries)
            moved[:, own] = _move_level(tables[:, own], level, time_of)
    return moved


def _move_level(table: torch.Tensor, level: HashLevel, time_of: Callable[[float], float]) -> torch.Tensor:
    """Return the entries (3, entries, F) of one dense level, in which the nodes of each instant follow one another."""
    slices = table.unflatten(1, (level.time_resolution, -1))
    nodes = []
    for node in range(level.time_resolution):
        position = torch.tensor(time_of(node / level.time_scale) * level.time_scale, dtype=torch.float64)
        lower, weight = cell_and_weight(position, level.time_resolution)
        nodes.append(torch.lerp(slices[:, lower], slices[:, lower + 1], float(weight)))
    return torch.cat(nodes, dim=1)
