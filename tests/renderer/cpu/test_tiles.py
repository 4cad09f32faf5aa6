"""Tiles cover an image exactly once."""

import numpy as np
import pytest

from renderer.cpu.tiles import TILE_SIDE, tile_rectangles

native = pytest.importorskip("mlpvid_kernels")


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (33, 31), (100, 7), (250, 300)])
def test_every_pixel_is_in_one_tile(size: tuple[int, int]) -> None:
    width, height = size
    covered = np.zeros((height, width), int)
    for x0, y0, x1, y1 in tile_rectangles(width, height):
        assert 0 < x1 - x0 <= TILE_SIDE
        assert 0 < y1 - y0 <= TILE_SIDE
        covered[y0:y1, x0:x1] += 1
    assert (covered == 1).all()


def test_tiles_come_in_z_order() -> None:
    assert tile_rectangles(4, 4, 1)[:6, :2].tolist() == [[0, 0], [1, 0], [0, 1], [1, 1], [2, 0], [3, 0]]


def test_native_code_takes_tiles_of_this_size() -> None:
    assert native.TILE_SIDE == TILE_SIDE
