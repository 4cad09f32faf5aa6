"""Hash levels, indices and weights against hand-computed values; baking against the eight-corner lookup."""

from __future__ import annotations

import math

import pytest
import torch

from model.config import HashEncodingConfig
from model.hash_encoding import HashEncoding, cell_and_weight, entry_index, smoothstep
from model.hash_levels import HashLevel, hash_levels


def test_paper_levels_have_the_released_sizes() -> None:
    levels = hash_levels(HashEncodingConfig())
    assert [level.resolution for level in levels][:7] == [16, 22, 28, 37, 49, 64, 85]
    assert [level.dense for level in levels] == [True] * 6 + [False] * 10
    assert levels[0].entries == 16**3
    assert levels[5].entries == 64**3  # rounding errors of the growth factor must not give 65 nodes
    assert levels[-1].offset + levels[-1].entries == 5_710_022


def test_time_resolution_caps_only_the_time_axis() -> None:
    levels = hash_levels(HashEncodingConfig(time_resolution=30))
    assert levels[0].time_resolution == 16
    assert levels[-1].resolution == 1024
    assert levels[-1].time_resolution == 30
    assert levels[-1].time_scale == 29


def test_dense_index_runs_along_u_then_v_then_t() -> None:
    level = HashLevel(scale=4, time_scale=2, resolution=5, time_resolution=3, offset=0, entries=75)
    index = entry_index(level, torch.tensor(3), torch.tensor(2), torch.tensor(1))
    assert index.item() == 3 + 2 * 5 + 1 * 25


def test_hashed_index_by_hand() -> None:
    level = HashLevel(scale=99, time_scale=99, resolution=100, time_resolution=100, offset=0, entries=1 << 10)
    u, v, t = 7, 12, 45
    by_hand = (u ^ (v * 2654435761 % 2**32) ^ (t * 805459861 % 2**32)) % 1024
    assert entry_index(level, torch.tensor(u), torch.tensor(v), torch.tensor(t)).item() == by_hand


def test_smoothstep_by_hand() -> None:
    s = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert torch.allclose(smoothstep(s), torch.tensor([0.0, 0.15625, 0.5, 1.0]))


def test_last_node_is_reached_with_full_weight() -> None:
    corner, weight = cell_and_weight(torch.tensor([0.0, 4.0]), 5)
    assert corner.tolist() == [0, 3]
    assert weight.tolist() == [0.0, 1.0]


def test_lookup_at_a_node_returns_its_entry() -> None:
    config = HashEncodingConfig(num_levels=1, log2_table_size=10, base_resolution=5, finest_resolution=5)
    encoding = HashEncoding(config)
    u, v, t = 1, 3, 2
    uv = torch.tensor([[u / 4, v / 4]]).expand(3, 1, 2)
    features = encoding(uv, torch.tensor([t / 4]))
    assert torch.allclose(features[:, 0], encoding.tables[:, u + 5 * v + 25 * t])


def test_interpolation_between_two_nodes_by_hand() -> None:
    config = HashEncodingConfig(num_levels=1, log2_table_size=10, base_resolution=5, finest_resolution=5)
    encoding = HashEncoding(config)
    uv = torch.tensor([[1.25 / 4, 0.0]]).expand(3, 1, 2)
    features = encoding(uv, torch.tensor([0.0]))[:, 0]
    expected = (1 - 0.15625) * encoding.tables[:, 1] + 0.15625 * encoding.tables[:, 2]
    assert torch.allclose(features, expected)


@pytest.mark.parametrize("features_per_level", [2, 4, 8])
def test_baking_is_exact_at_fractional_times(features_per_level: int) -> None:
    config = HashEncodingConfig(
        num_levels=32 // max(features_per_level, 4),
        features_per_level=features_per_level,
        log2_table_size=11,
        base_resolution=6,
        finest_resolution=60,
        time_resolution=20,
    )
    encoding = HashEncoding(config).double()
    encoding.tables.data.uniform_(-1, 1)
    uv = torch.rand(3, 200, 2, dtype=torch.float64)
    for time in (0.0, *torch.rand(4).tolist(), math.nextafter(1.0, 0.0)):
        truth = encoding(uv, torch.full((200,), time, dtype=torch.float64))
        baked = torch.cat(
            [read_by_hand(grid, uv, level.scale) for grid, level in zip(encoding.bake(time), encoding.levels, strict=True)],
            dim=-1,
        )
        assert torch.allclose(baked, truth, rtol=1e-5, atol=1e-12)


def read_by_hand(grid: torch.Tensor, uv: torch.Tensor, scale: float) -> torch.Tensor:
    """Read a baked level (3, F, N, N) at (3, P, 2) with smoothstep weights, without grid_sample."""
    (u, wu), (v, wv) = (cell_and_weight(uv[..., a] * scale, grid.shape[-1]) for a in (0, 1))
    planes = torch.arange(3)[:, None]
    nodes = grid.permute(0, 2, 3, 1)
    total = torch.zeros(())
    for du, dv in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = (wu if du else 1 - wu) * (wv if dv else 1 - wv)
        total = total + weight[..., None] * nodes[planes, v + dv, u + du]
    return total


def test_gradients_of_the_tables() -> None:
    config = HashEncodingConfig(num_levels=2, log2_table_size=6, base_resolution=3, finest_resolution=9)
    encoding = HashEncoding(config).double()

    def bake(tables: torch.Tensor) -> torch.Tensor:
        result = torch.func.functional_call(BakeAt(encoding, 0.37), {"encoding.tables": tables}, ())
        return result

    assert torch.autograd.gradcheck(bake, encoding.tables.detach().clone().requires_grad_())


class BakeAt(torch.nn.Module):
    """All baked grids at one time, flattened."""

    def __init__(self, encoding: HashEncoding, time: float) -> None:
        super().__init__()
        self.encoding, self.time = encoding, time

    def forward(self) -> torch.Tensor:
        """Bake and concatenate the levels."""
        return torch.cat([grid.flatten() for grid in self.encoding.bake(self.time)])
