"""Our hash tables in the layout of tiny-cuda-nn, compared with its formulas in plain Python (from its source, `grid.h`)."""

from __future__ import annotations

import math

import pytest
import torch

from common.errors import InputError
from model.config import HashEncodingConfig
from model.hash_encoding import HashEncoding
from model.hash_levels import hash_levels
from training.fields.tiny_cuda_nn import padded_entries, tiny_config, tiny_inputs, to_tiny_parameters

CONFIG = HashEncodingConfig(num_levels=6, features_per_level=2, log2_table_size=9, base_resolution=4, finest_resolution=40)
PRIMES = (1, 2654435761, 805459861)


def tiny_lookup(settings: dict[str, object], parameters: torch.Tensor, x: list[float]) -> list[float]:
    """Look up one level of tiny-cuda-nn's grid encoding at one input, with the names of its source."""
    base, features = int(settings["base_resolution"]), int(settings["n_features_per_level"])  # type: ignore[call-overload]
    scale = 2.0**0 * base - 1.0  # exp2(level * log2(per_level_scale)) * base_resolution - 1
    resolution = math.ceil(scale) + 1
    size = min(-(-(resolution**3) // 8) * 8, 1 << int(settings["log2_hashmap_size"]))  # type: ignore[call-overload]
    positions = [scale * value + 0.5 for value in x]
    cells = [math.floor(p) for p in positions]
    assert min(cells) >= 0, "would wrap around as an unsigned number"
    weights = [(p - c) ** 2 * (3 - 2 * (p - c)) for p, c in zip(positions, cells, strict=True)]
    result = [0.0] * features
    for corner in range(8):
        node = [c + (corner >> axis & 1) for axis, c in enumerate(cells)]
        weight = math.prod(w if corner >> axis & 1 else 1 - w for axis, w in enumerate(weights))
        stride, index = 1, 0
        for value in node:
            if stride > size:
                break
            index += value * stride
            stride *= resolution
        if size < stride:
            index = (node[0] * PRIMES[0] ^ node[1] * PRIMES[1] ^ node[2] * PRIMES[2]) & 0xFFFFFFFF
        index %= size
        for f in range(features):
            result[f] += weight * float(parameters[index * features + f])
    return result


def test_lookups_equal_ours() -> None:
    torch.manual_seed(0)
    encoding = HashEncoding(CONFIG)
    torch.nn.init.uniform_(encoding.tables, -1, 1)
    inner = torch.rand(40, 3) * torch.tensor([1.0, 1.0, 0.97])
    uvt = torch.cat([inner, torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.5], [0.0, 1.0, 0.9]])])
    wanted = encoding(uvt[None, :, :2].expand(3, -1, -1), uvt[:, 2])[1]
    levels = hash_levels(CONFIG)
    assert {level.dense for level in levels} == {True, False}
    for index, level in enumerate(levels):
        parameters = to_tiny_parameters(level, encoding.tables[1].detach())
        assert len(parameters) == 2 * padded_entries(level)
        inputs = tiny_inputs(level, uvt).tolist()
        found = torch.tensor([tiny_lookup(tiny_config(CONFIG, level), parameters, x) for x in inputs])
        assert torch.allclose(found, wanted[:, 2 * index : 2 * index + 2], atol=2e-4)


def test_paper_size_levels_have_the_same_entries() -> None:
    for level in hash_levels(HashEncodingConfig()):
        nodes = level.resolution**3
        assert padded_entries(level) == min(-(-nodes // 8) * 8, 1 << 19)


def test_different_numbers_of_nodes_along_time_are_refused() -> None:
    config = HashEncodingConfig(time_resolution=8, finest_resolution=64)
    assert tiny_config(config, hash_levels(HashEncodingConfig())[0])["interpolation"] == "Smoothstep"
    with pytest.raises(InputError, match="time_resolution: cannot be used with tiny-cuda-nn"):
        tiny_config(config, hash_levels(config)[-1])
