"""The struct that kernels read, and the baking of hash grids, maps, heads and occupancy."""

import ctypes

import numpy as np
import pytest
import torch

from model.config import HashEncodingConfig
from model.hash_encoding import HashEncoding
from model.hash_levels import hash_levels
from renderer.baked import (
    BakedFrameStruct,
    ViewStruct,
    bake_levels,
    density_planes,
    group_layout,
    occupancy_pyramid,
)
from renderer.cpu.bake import group_channels
from tests.factories import make_config

native = pytest.importorskip("mlpvid_kernels")


def numbers(words: np.ndarray) -> np.ndarray:
    """Convert (..., n) words to (..., 2n) whole numbers as floats, the low one of each word first."""
    return np.ascontiguousarray(words).view(np.int16).astype(np.float32)


def map_channels(words: np.ndarray) -> np.ndarray:
    """Convert the words of pixels (..., 16) to channels (..., 32): the second and third four of each 16 have changed places."""
    fours = numbers(words).reshape(*words.shape[:-1], 2, 4, 4)
    return fours[..., [0, 2, 1, 3], :].reshape(*words.shape[:-1], 32)


@pytest.mark.parametrize(
    ("struct", "layout"), [(BakedFrameStruct, native.baked_frame_layout), (ViewStruct, native.view_layout)]
)
def test_layout_is_the_same_in_python_and_cpp(struct: type[ctypes.Structure], layout: object) -> None:
    members = layout()  # type: ignore[operator]
    assert [name for name, _, _ in members[:-1]] == [field[0] for field in struct._fields_]
    for name, offset, size in members[:-1]:
        member = getattr(struct, name)
        assert (member.offset, member.size) == (offset, size), name
    assert members[-1] == ("", ctypes.sizeof(struct), 0)


def test_lanes_beyond_the_levels_stay_on_zeros_at_the_end() -> None:
    config = HashEncodingConfig(num_levels=3, features_per_level=4, base_resolution=4, finest_resolution=8)
    layout = group_layout(config)
    nodes = [level.resolution for level in hash_levels(config)]
    assert layout.stride[:6].tolist() == [nodes[0]] * 2 + [nodes[1]] * 2 + [nodes[2]] * 2
    assert layout.offset[1] == nodes[0] ** 2
    end = 2 * sum(n * n for n in nodes)
    assert layout.offset[6:].tolist() == [end] * 10
    assert layout.scale[6:].tolist() == layout.stride[6:].tolist() == layout.last_corner[6:].tolist() == [0] * 10
    assert layout.nodes >= end + 2


@pytest.mark.parametrize("instruction_set", native.instruction_sets())
@pytest.mark.parametrize("features", [2, 4, 8])
@pytest.mark.parametrize(("time", "finest"), [(0.0, 21), (0.37, 257), (0.999, 21)])
def test_baked_grids_are_those_of_the_hash_encoding(instruction_set: str, features: int, time: float, finest: int) -> None:
    """257 nodes a side take several pieces of an odd number of rows, and several stretches of nodes."""
    config = HashEncodingConfig(
        num_levels=32 // features, features_per_level=features, log2_table_size=9, base_resolution=3, finest_resolution=finest
    )
    encoding = HashEncoding(config).requires_grad_(False)
    encoding.tables.uniform_(-1, 1)
    channels, scale = group_channels(config), 2.0**-14
    layout = group_layout(config, channels)
    words = np.zeros((3, layout.nodes, channels), np.uint32)
    engine = native.Engine(2, instruction_set)
    levels = bake_levels(config, time, channels).view(np.uint8)
    engine.bake_grids(encoding.tables.detach(), levels, layout.offset, scale, words)
    for index, grid in enumerate(encoding.bake(time)):
        nodes = grid.shape[-1]
        for group in range(features // channels):
            start = layout.offset[index * features // channels + group]
            baked = numbers(words[:, start : start + nodes**2]).reshape(3, nodes, nodes, channels, 2) * scale
            expected = grid[:, channels * group : channels * (group + 1)].permute(0, 2, 3, 1).numpy()
            np.testing.assert_allclose(baked[..., 0], expected, rtol=0, atol=0.51 * scale)
            np.testing.assert_allclose(baked[:, :-1, ..., 1], expected[:, 1:], rtol=0, atol=0.51 * scale)


@pytest.mark.parametrize("instruction_set", native.instruction_sets())
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels_last", [False, True])
def test_maps_are_summed_and_rounded_to_16_bits(instruction_set: str, dtype: torch.dtype, channels_last: bool) -> None:
    maps = torch.randn(4, 32, 16, 16).to(dtype)
    maps[0, 3, 5, 7] = 900.0
    if channels_last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    words = np.zeros((2, 16, 16, 16), np.uint32)
    scale = native.Engine(2, instruction_set).bake_maps([[maps[0]], [maps[1], maps[2], maps[3]]], words)
    expected = torch.stack([maps[0].float(), maps[1].float() + maps[2].float() + maps[3].float()])
    assert scale == 2.0**-5  # 900 is between 2^9 and 2^10
    baked = map_channels(words) * scale
    np.testing.assert_allclose(baked, expected.permute(0, 2, 3, 1).numpy(), rtol=0, atol=0.51 * scale)


@pytest.mark.parametrize("value", [0.0, 1e30, 1e-30, float("inf"), float("nan")])
def test_extreme_maps_bake_to_finite_numbers(value: float) -> None:
    words = np.zeros((1, 4, 4, 16), np.uint32)
    scale = native.Engine(1).bake_maps([[torch.full((32, 4, 4), value)]], words)
    assert np.isfinite(scale)
    if np.isfinite(value) and value < 1:
        np.testing.assert_allclose(numbers(words) * scale, value, rtol=1e-4, atol=1e-27)


@pytest.mark.parametrize("instruction_set", native.instruction_sets())
@pytest.mark.parametrize("view_channels", [9, 15])
def test_first_two_layers_of_heads_are_multiplied_out(instruction_set: str, view_channels: int) -> None:
    heads = torch.randn(2, 2, (32 + 32 + view_channels + 3) * 32).transpose(0, 1)  # not contiguous
    baked = np.zeros((2, 2, 32 + view_channels + 3, 32), np.float32)
    native.Engine(1, instruction_set).bake_heads(heads, view_channels, baked)
    W0, W1, W2 = heads[1, 0].split([1024, (32 + view_channels) * 32, 96])
    W0, W1, W2 = W0.view(32, 32), W1.view(-1, 32), W2.view(32, 3)
    expected = torch.cat([W0 @ W1[:32], W1[32:], W2.T])
    np.testing.assert_allclose(baked[1, 0], expected.numpy(), atol=2e-5)


def test_density_heads_of_one_plane_are_summed() -> None:
    assert density_planes(make_config()) == [(0, [0]), (1, [1]), (2, [2])]
    assert density_planes(make_config(mlp_planes=("xz",))) == [(1, [0])]
    assert density_planes(make_config(mlp_planes=("yz", "xy", "yz"))) == [(0, [1]), (2, [0, 2])]


def test_occupancy_pyramid_covers_every_cell() -> None:
    generator = np.random.default_rng()
    cells = generator.random((7, 18, 70)) < 0.02
    shapes = [tuple(-(-n // 4**level) for n in cells.shape) for level in range(4)]
    levels = [
        np.unpackbits(words.view(np.uint8), bitorder="little", count=int(np.prod(shape))).reshape(shape)
        for words, shape in zip(occupancy_pyramid(cells), shapes, strict=True)
    ]
    assert (levels[0] == cells).all()
    for level in (1, 2, 3):
        expected = np.zeros(shapes[level], bool)
        for x, y, z in np.argwhere(cells):
            expected[x >> 2 * level, y >> 2 * level, z >> 2 * level] = True
        assert (levels[level] == expected).all()


def test_a_volume_of_one_cell_has_one_level() -> None:
    assert [words.tolist() for words in occupancy_pyramid(np.ones((1, 1, 1), bool))] == [[1]]
