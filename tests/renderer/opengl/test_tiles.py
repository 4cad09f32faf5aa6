"""Tiles cover an image exactly once and adapt to their render time. Levels do not overlap in the atlas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from renderer.opengl.atlas import Place, lay_out, pieces
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


@given(st.lists(st.integers(2, 90), min_size=1, max_size=16))
def test_levels_do_not_overlap_and_every_cell_is_on_one_page(resolutions: list[int]) -> None:
    """Also those that are larger than a page. A cell is read with all four nodes on the page that the shader computes."""
    atlas = lay_out(resolutions, 40, 1000)
    used = np.zeros((atlas.pages, atlas.height, atlas.width), int)
    for side, place in zip(resolutions, atlas.places, strict=True):
        found = list(pieces(place, side, atlas.piece_cells))
        for x, y in ((0, 0), (side - 2, 0), (side // 2 - 1, side - 2)):
            columns, rows = (x // atlas.piece_cells, y // atlas.piece_cells) if atlas.piece_cells else (0, 0)
            piece = found[rows * place.columns + columns]
            left, top, width, height = piece.rectangle
            assert piece.page == place.page + rows * place.columns + columns
            assert left <= piece.corner[0] + x <= left + width - 2 and top <= piece.corner[1] + y <= top + height - 2
        for piece in found:
            x, y, width, height = piece.rectangle
            part = used[piece.page, y : y + height, x : x + width]
            assert part.shape == (height, width)
            part += 1
    assert used.max() == 1 and max(atlas.width, atlas.height) <= 40


def test_levels_of_a_size_and_the_pages_that_they_need() -> None:
    assert lay_out([3, 65], 64, 12).places == (Place(4, 0, 0), Place(0, 0, 0, 2)), "64 cells are two pieces of 63, on 4 pages"
    assert lay_out([64, 64], 64, 2).piece_cells == 0
    with pytest.raises(InputError, match="hash encoding: needs 5 textures of 64 x 64; this graphics driver allows 4"):
        lay_out([3, 65], 64, 4)


@given(st.integers(0, 90), st.integers(0, 90), st.integers(1, 40))
def test_blocks_cover_an_image_once(width: int, height: int, side: int) -> None:
    covered = np.zeros((height, width), int)
    for x0, y0, x1, y1 in blocks(width, height, side):
        covered[y0:y1, x0:x1] += 1
        assert x0 < x1 <= x0 + side and y0 < y1 <= y0 + side
    assert (covered == 1).all()
