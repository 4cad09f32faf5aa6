"""Baking with shaders against the definitions in PyTorch and SciPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import moderngl
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from model.config import HashEncodingConfig
from renderer.opengl import layers as layers_module
from renderer.opengl.bake import MAX_DISTANCE, Baker, upload_tables
from renderer.opengl.context import create_context
from renderer.opengl.layers import bands
from tests.factories import make_video


@pytest.fixture
def context() -> Iterator[moderngl.Context]:
    made = create_context()
    yield made
    assert made.error == "GL_NO_ERROR"
    made.release()


def texels(texture: moderngl.TextureArray) -> Any:
    """Read a texture: (layers, H, W, components)."""
    width, height, layers = texture.size
    return np.frombuffer(texture.read(), texture.dtype).reshape(layers, height, width, texture.components)


@pytest.mark.parametrize("features", [2, 4, 8])
def test_grids_are_those_of_the_hash_encoding(context: moderngl.Context, features: int) -> None:
    video = make_video(seed=1, hash=HashEncodingConfig(4, features, 9, 4, 40))
    frame, baker = video.decode(1.3), Baker(context, video.config)
    tables = upload_tables(context, video.hash_tables)
    grids = texels(baker._bake_grids(tables, 1.3 / video.num_frames)).astype(np.float32) * tables.scale
    parts = features // 4 or 1
    for grid, place in zip(frame.grids, baker.atlas.places, strict=True):
        side = grid.shape[-1]
        for plane in range(3):
            layers = [(place.page * 3 + plane) * parts + part for part in range(parts)]
            found = np.concatenate([grids[i, place.y : place.y + side, place.x : place.x + side] for i in layers], axis=-1)
            expected = grid[plane].permute(1, 2, 0).numpy()
            np.testing.assert_allclose(found, expected, atol=2e-3 * float(np.abs(expected).max()))


@pytest.mark.parametrize("view_encoding", ["frequency", "spherical_harmonics"])
def test_folded_heads_are_products(context: moderngl.Context, view_encoding: str) -> None:
    video = make_video(seed=2, view_encoding=view_encoding)
    colors, view = video.decode(0.0).color_maps, video.config.view_channels
    baker = Baker(context, video.config)
    heads = texels(baker._fold(baker._upload_heads(colors.numpy()))).astype(np.float32)
    parameters = colors.flatten(1, 2)[1, 5]
    W0, W1 = parameters[:1024].view(32, 32), parameters[1024 : 1024 + (32 + view) * 32].view(-1, 32)
    W2 = parameters[-96:].view(32, 3)
    row = heads[1, 5]
    np.testing.assert_allclose(row[:256].reshape(32, 32), (W0 @ W1[:32]).numpy(), atol=2e-3)
    np.testing.assert_allclose(row[256 : 256 + 8 * view].reshape(view, 32), W1[32:].numpy(), atol=2e-3)
    output = row[256 + 8 * view :].reshape(8, 3, 4).transpose(0, 2, 1).reshape(32, 3)
    np.testing.assert_allclose(output, W2.numpy(), atol=2e-3)


@pytest.mark.parametrize("shape", [(6, 5, 8), (1, 3, 65), (33, 1, 2)])
def test_empty_distances_are_chebyshev_distances(context: moderngl.Context, shape: tuple[int, int, int]) -> None:
    occupancy = np.random.default_rng(sum(shape)).random(shape) < 0.02
    occupancy[0, 0, 0] = True
    baker = Baker(context, make_video().config)
    found = texels(baker._empty_distance(occupancy))[..., 0]
    expected = ndimage.distance_transform_cdt(~occupancy, metric="chessboard")
    np.testing.assert_array_equal(found, np.minimum(expected, MAX_DISTANCE))
    empty = texels(baker._empty_distance(np.zeros(shape, bool)))
    assert (empty == MAX_DISTANCE).all()


def test_maps_are_packed_by_fours(context: moderngl.Context) -> None:
    maps = torch.randn(2, 32, 8, 8) * 1e-3
    texture, scale = Baker(context, make_video().config)._pack(maps.numpy())
    found = texels(texture).astype(np.float32) * scale
    expected = maps.view(2, 8, 4, 8, 8).permute(0, 1, 3, 4, 2).reshape(16, 8, 8, 4).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-9)


def test_tables_of_more_than_one_layer(context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderer.opengl.bake.TABLE_SIDE", 16)
    test_grids_are_those_of_the_hash_encoding(context, 8)


def test_long_draws_are_split_into_bands(context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers_module, "MAX_FETCHES", 500)
    test_grids_are_those_of_the_hash_encoding(context, 4)
    test_empty_distances_are_chebyshev_distances(context, (33, 1, 2))


@given(st.tuples(*[st.integers(1, 90)] * 4), st.integers(1, 1 << 22))
def test_bands_cover_a_rectangle_within_the_limit(rectangle: tuple[int, int, int, int], fetches: int) -> None:
    x, y, width, height = rectangle
    found = list(bands(rectangle, fetches))
    assert [band[1] for band in found] == list(np.cumsum([y, *(band[3] for band in found)]))[:-1]
    assert sum(band[3] for band in found) == height and {(band[0], band[2]) for band in found} == {(x, width)}
    assert all(band[3] == 1 or band[2] * band[3] * fetches <= layers_module.MAX_FETCHES for band in found)
