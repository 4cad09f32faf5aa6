"""Which parts of a frame's grids rays can take samples in: those over columns with an occupied cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.config import PLANE_AXES, ModelConfig
from model.hash_levels import hash_levels

MARGIN = 1e-3
"""Columns around a cell of a grid that count as its own. It is far above the rounding errors of points."""


def occupied_columns(cells: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return for each plane which columns of cells (u, v) have an occupied one, from the cells (X, Y, Z)."""
    return [np.asarray(cells.any(axis=3 - sum(axes))) for axes in PLANE_AXES.values()]


def seen_nodes(columns: NDArray[np.bool_], nodes: int, scale: float) -> NDArray[np.bool_]:
    """Return the nodes (v, u) of a level that `bake_grids` writes.

    Args:
        columns: (u, v), from `occupied_columns`.
        nodes: along u and along v.
        scale: nodes per unit of u and v.
    """
    sums = np.pad(columns.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    (u0, u1), (v0, v1) = (_range(nodes, np.float32(count / scale), count) for count in columns.shape)
    inside = sums[u1][:, v1] - sums[u0][:, v1] - sums[u1][:, v0] + sums[u0][:, v0]
    return (inside > 0).T


def _range(nodes: int, columns_per_node: np.float32, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    node, margin = np.arange(nodes, dtype=np.float32), np.float32(MARGIN)
    first = np.clip((node * columns_per_node - margin).astype(np.int64), 0, count - 1)
    return first, np.minimum(((node + 1) * columns_per_node + margin).astype(np.int64) + 1, count)


def seen_cells(config: ModelConfig, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which cells of all grids `bake_grids` writes, (3, nodes of all channel pairs), from the occupancy (X, Y, Z)."""
    pairs = config.hash.features_per_level // 2
    planes = [
        [np.tile(seen_nodes(columns, level.resolution, level.scale).ravel(), pairs) for level in hash_levels(config.hash)]
        for columns in occupied_columns(cells)
    ]
    return np.stack([np.concatenate(levels) for levels in planes])
