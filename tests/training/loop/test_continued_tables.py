"""Hash tables are moved along the time axis for the frames that follow."""

from __future__ import annotations

import numpy as np
import torch

from model.config import HashEncodingConfig
from model.hash_encoding import HashEncoding
from model.hash_levels import hash_levels
from training.loop.continued_tables import move_tables

CONFIG = HashEncodingConfig(
    num_levels=3, features_per_level=2, log2_table_size=9, base_resolution=4, finest_resolution=16, time_resolution=5
)


def random_tables() -> torch.Tensor:
    """Return random tables, (3, entries, F)."""
    return torch.from_numpy(np.random.default_rng().normal(size=HashEncoding(CONFIG).tables.shape)).float()


def test_whole_nodes_move_by_hand() -> None:
    """The coarsest level has 4 nodes along each axis, at the times 0, 1/3, 2/3 and 1: 16 entries belong to each."""
    tables = random_tables()
    moved = move_tables(tables, CONFIG, lambda time: min(time + 1 / 3, 2 / 3))
    assert torch.allclose(moved[:, :16], tables[:, 16:32], atol=1e-5)
    for node in (1, 2, 3):
        assert torch.allclose(moved[:, 16 * node : 16 * node + 16], tables[:, 32:48], atol=1e-5)


def test_another_instant_is_shown() -> None:
    """Dense levels show it at all nodes, hashed ones at the nodes of the first instant."""
    before, after = HashEncoding(CONFIG), HashEncoding(CONFIG)
    before.tables.data = random_tables()
    after.tables.data = move_tables(before.tables.data, CONFIG, lambda time: 0.3 + 0.6 * time)
    assert {level.dense for level in hash_levels(CONFIG)} == {True, False}
    for index, level in enumerate(hash_levels(CONFIG)):
        for node in range(level.time_resolution if level.dense else 1):
            time = node / level.time_scale
            expected = before.bake(0.3 + 0.6 * time)[index]
            torch.testing.assert_close(after.bake(time)[index], expected, rtol=1e-4, atol=1e-5)


def test_nothing_changes_without_a_movement() -> None:
    tables = random_tables()
    torch.testing.assert_close(move_tables(tables, CONFIG, lambda time: time), tables, rtol=1e-4, atol=1e-5)
