"""Tiles cover an image exactly once and adapt to their render time. Levels do not overlap in the atlas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from renderer.opengl.atlas import lay_out
from renderer.opengl.tiles import MAX_SIDE, MIN_SIDE, TARGET_MS, TileSize, blocks, tiles


@given(st.integers(1, 300), st.integers(1, 300), st.lists(st.floats(0.1, 100), min_size=1, max_size=20))
def test_tiles_cover_an_image_once(width: int, height: int, times: list[float]) -> None:
    covered, size = np.zeros((height, width), int), TileSize()
    for index, (x0, y0, x1, y1) in enumerate(tiles(width, height, size)):
        covered[y0:y1, x0:x1] += 1
        assert max(x1 - x0, y1 - y0) <= MAX_SIDE
        size.record((x1 - x0) * (y1 - y0), times[index % len(times)])
    assert (covered == 1).all()


def test_slow_tiles_shrink_and_fast_ones_grow() -> None:
    size = TileSize()
    for _ in range(20):
        size.record(size.side**2, TARGET_MS * 2)
    assert size.side == MIN_SIDE
    for _ in range(20):
        size.record(size.side**2, TARGET_MS / 100)
    assert size.side == MAX_SIDE
    size.record(size.side**2, TARGET_MS / 2)
    assert size.side == MAX_SIDE


def test_a_sliver_does_not_count_for_whole_tiles() -> None:
    size = TileSize()
    before = size.side
    size.record(size.side, 0.01)
    assert size.side == before


@given(st.lists(st.integers(2, 60), min_size=1, max_size=16))
def test_levels_do_not_overlap(resolutions: list[int]) -> None:
    atlas = lay_out(resolutions, 64)
    used = np.zeros((atlas.pages, atlas.height, atlas.width), int)
    for side, place in zip(resolutions, atlas.places, strict=True):
        part = used[place.page, place.y : place.y + side, place.x : place.x + side]
        assert part.shape == (side, side)
        part += 1
    assert used.max() == 1 and max(atlas.width, atlas.height) <= 64


def test_a_level_beyond_the_drivers_limit_is_refused() -> None:
    with pytest.raises(InputError, match="has a level of 65 nodes"):
        lay_out([3, 65], 64)


@given(st.integers(0, 90), st.integers(0, 90), st.integers(1, 40))
def test_blocks_cover_an_image_once(width: int, height: int, side: int) -> None:
    covered = np.zeros((height, width), int)
    for x0, y0, x1, y1 in blocks(width, height, side):
        covered[y0:y1, x0:x1] += 1
        assert x0 < x1 <= x0 + side and y0 < y1 <= y0 + side
    assert (covered == 1).all()
