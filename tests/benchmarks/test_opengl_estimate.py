"""The estimates of the OpenGL backend: counts by hand, monotonic arithmetic, and a page that says that nothing was measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.opengl_estimate import (
    CARDS,
    EFFICIENCY,
    LAUNCH,
    Card,
    Counts,
    Work,
    active_share,
    color_sample,
    color_tile,
    count,
    decode,
    density_sample,
    grouped_sample,
    report,
    stages,
)
from benchmarks.work import decoder_work
from model.config import HashEncodingConfig, ModelConfig
from tests.factories import make_config, make_video


def test_a_density_sample_of_the_papers_size_takes_96_filtered_fetches() -> None:
    """Per plane 16 levels of 32-bit texels, 8 texels of 64 bits for features and 8 for density heads; one cell."""
    assert density_sample(ModelConfig()).texels == 3 * (16 + 2 * 8 + 2 * 8) + 1
    four = dataclasses.replace(ModelConfig(), hash=HashEncodingConfig(num_levels=8, features_per_level=4))
    assert density_sample(four).texels == 3 * (8 * 2 + 2 * 8 + 2 * 8) + 1


def test_a_color_sample_reads_the_folded_weights_of_each_head() -> None:
    nearest, weights = ModelConfig(), 32 * (32 + 15 + 3) / 4
    assert color_sample(nearest).texels == 3 * (16 + 2 * 8) + 2 * 3 * weights
    bilinear = dataclasses.replace(nearest, assignment="bilinear")
    assert color_sample(bilinear).texels - color_sample(nearest).texels == 9 * 2 * weights


def test_a_tile_shares_one_fetch_of_its_head() -> None:
    config = ModelConfig()
    tile, sample, fragment = color_tile(config), grouped_sample(config), color_sample(config)
    assert tile.texels == 2 * 32 * (32 + 15 + 3) / 4
    assert tile.operations == 64 * 2 * 32 * (32 + 15 + 3)
    assert 3 * tile.texels / 64 + sample.texels < fragment.texels / 10
    assert sample.atomics == 6, "three heads are counted and placed"
    bilinear = dataclasses.replace(config, assignment="bilinear")
    assert grouped_sample(bilinear).atomics == 24


def test_decoding_with_shaders() -> None:
    config = make_config()
    work, fragments = decode(config, compute=True), decode(config, compute=False)
    assert fragments.texels == 2 * decoder_work(config).multiply_adds * 5 / 16
    assert work.operations == 2 * decoder_work(config).multiply_adds
    assert work.shared > work.operations / 2 > work.bytes > 0


@pytest.mark.slow
def test_sorting_pays_where_fetches_limit() -> None:
    counts = Counts((10**6, 10**5), (0.5, 0.5), 1, 4)
    for card in CARDS:
        sorted_, unsorted = (stages(ModelConfig(), counts, grouped) for grouped in (card.units > 0, False))
        colors = [sum(work[name].milliseconds(card) for name in ("group", "color")) for work in (sorted_, unsorted)]
        assert colors[0] < colors[1] or card.units == 0


def test_the_share_of_active_lanes() -> None:
    assert active_share(np.full((8, 16), 3)) == 1
    one_ray = np.zeros((4, 8), int)
    one_ray[2, 5] = 7
    assert active_share(one_ray) == 1 / 32
    assert active_share(np.zeros((5, 3), int)) == 0


def test_the_tightest_limit_counts() -> None:
    card = Card("card", texels=1e9, operations=1e9, memory=1e9, clock=1e9, units=1)
    assert Work(1e6, 2e6, 3e6).milliseconds(card) == 3 / EFFICIENCY
    assert Work(5e6, 2e6, 3e6).times(2).milliseconds(card) == 10 / EFFICIENCY
    assert Work(1e6, 2e6, shared=5.12e8).milliseconds(card) == pytest.approx(4 / EFFICIENCY)
    assert (Work(1e6, 0, atomics=2e6) + Work(0, 0, atomics=1e6)).milliseconds(card) == 3 / EFFICIENCY
    assert Work(1e6, 0, launches=3).milliseconds(card) == pytest.approx(1 / EFFICIENCY + 3000 * LAUNCH)


def test_the_page_names_every_card_and_says_that_nothing_was_run() -> None:
    video = make_video(seed=1)
    counts = count(video, 0.0, (48, 48))
    assert counts.samples[0] > counts.samples[1] > 0 and 0 < counts.lanes[1] <= 1
    page = report(make_config(), counts, (48, 48), "random.mlpvid")
    assert page.startswith("# Estimated, not run") and all(card.name in page for card in CARDS)
    slow, fast = Counts((10**6, 10**5), (0.5, 0.5), 1, 1), Counts((10**6, 10**5), (1.0, 1.0), 1, 1)
    assert report(make_config(), slow, (48, 48), "x") != report(make_config(), fast, (48, 48), "x")
