"""The estimates of the OpenGL backend: counts by hand, monotonic arithmetic, and a page that says what it is."""

from __future__ import annotations

import dataclasses

import numpy as np

from benchmarks.opengl_estimate import (
    CARDS,
    EFFICIENCY,
    Card,
    Counts,
    Work,
    active_share,
    color_sample,
    count,
    density_sample,
    report,
)
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


def test_the_share_of_active_lanes() -> None:
    assert active_share(np.full((8, 16), 3)) == 1
    one_ray = np.zeros((4, 8), int)
    one_ray[2, 5] = 7
    assert active_share(one_ray) == 1 / 32
    assert active_share(np.zeros((5, 3), int)) == 0


def test_the_tightest_limit_counts() -> None:
    card = Card("card", texels=1e9, operations=1e9, memory=1e9)
    assert Work(1e6, 2e6, 3e6).milliseconds(card) == 3 / EFFICIENCY
    assert Work(5e6, 2e6, 3e6).times(2).milliseconds(card) == 10 / EFFICIENCY


def test_the_page_names_every_card_and_says_that_nothing_was_run() -> None:
    video = make_video(seed=1)
    counts = count(video, 0.0, (48, 48))
    assert counts.samples[0] > counts.samples[1] > 0 and 0 < counts.lanes[1] <= 1
    page = report(make_config(), counts, (48, 48), "random.mlpvid")
    assert page.startswith("# Estimated, not run") and all(card.name in page for card in CARDS)
    slow, fast = Counts((10**6, 10**5), (0.5, 0.5)), Counts((10**6, 10**5), (1.0, 1.0))
    assert report(make_config(), slow, (48, 48), "x") != report(make_config(), fast, (48, 48), "x")
