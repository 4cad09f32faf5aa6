"""Color maps: published colors, range, legends."""

from __future__ import annotations

import numpy as np
import pytest

from viewer import COLOR_MAPS
from viewer.picture.color_maps import apply_color_map, color_table, legend_ticks

PUBLISHED = {  # first, middle (index 128) and last color of the published tables
    "turbo": ((48, 18, 59), (164, 252, 60), (122, 4, 3)),
    "viridis": ((68, 1, 84), (33, 145, 140), (253, 231, 37)),
    "magma": ((0, 0, 4), (183, 55, 121), (252, 253, 191)),
    "inferno": ((0, 0, 4), (188, 55, 84), (252, 255, 164)),
    "plasma": ((13, 8, 135), (204, 71, 120), (240, 249, 33)),
    "gray": ((0, 0, 0), (128, 128, 128), (255, 255, 255)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_tables_are_the_published_ones(name: str) -> None:
    table = color_table(name)
    assert table.shape == (256, 3) and table.dtype == np.uint8
    np.testing.assert_array_equal(table[[0, 128, 255]], PUBLISHED[name])


@pytest.mark.parametrize("name", COLOR_MAPS)
def test_tables_are_smooth(name: str) -> None:
    assert np.abs(np.diff(color_table(name).astype(int), axis=0)).max() <= 12


@pytest.mark.parametrize("name", ["viridis", "magma", "inferno", "plasma", "gray"])
def test_lightness_rises(name: str) -> None:
    lightness = color_table(name).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness[::8]) > 0).all()


def test_values_take_their_colors() -> None:
    values = np.array([[-5.0, 0.0, 1.0], [2.0, 9.0, np.nan]])
    colors = apply_color_map(values, 0.0, 2.0, "gray")
    np.testing.assert_array_equal(colors[..., 0], [[0, 0, 128], [255, 255, 0]])
    np.testing.assert_array_equal(apply_color_map([np.inf, -np.inf], 0, 1, "gray")[:, 0], [255, 0])
    np.testing.assert_array_equal(apply_color_map([3.0, 3.0], 3, 3, "gray")[:, 0], [0, 0])
    with pytest.raises(KeyError):
        apply_color_map([0], 0, 1, "jet")


@pytest.mark.parametrize("bounds", [(0.0, 37.0), (0.13, 2.9), (-4.0, 4.0), (1e-6, 3e-6), (0, 250000)])
def test_ticks_are_round_and_in_place(bounds: tuple[float, float]) -> None:
    low, high = bounds
    ticks = legend_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    for place, text in ticks:
        assert 0 <= place <= 1
        assert float(text) == pytest.approx(low + place * (high - low), abs=1e-9 * (high - low) + 1e-12)
        assert len(text.replace("-", "")) <= 7


def test_ticks_of_an_empty_range() -> None:
    assert legend_ticks(2.0, 2.0) == [(0.0, "2")]
    assert legend_ticks(0.0, float("nan"))[0][0] == 0.0
