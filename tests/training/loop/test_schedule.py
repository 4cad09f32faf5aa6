"""Frames, seeds and rates that follow from a step's number."""

from __future__ import annotations

import pytest

from training.config import OptimizerConfig, RayConfig, TrainingConfig
from training.loop.schedule import frames_of_step, rate_factor, rays_of_step, seed_of


def test_every_frame_is_used_once_per_epoch() -> None:
    drawn = [frame for step in range(10) for frame in frames_of_step(step, 3, 6, seed=5)]
    for epoch in range(5):
        assert sorted(drawn[6 * epoch : 6 * epoch + 6]) == list(range(6))
    assert len({tuple(drawn[6 * e : 6 * e + 6]) for e in range(5)}) > 1
    assert drawn != [frame for step in range(10) for frame in frames_of_step(step, 3, 6, seed=6)]


def test_seeds_differ() -> None:
    seeds = {seed_of(step, slot, seed) for step in range(20) for slot in range(3) for seed in range(3)}
    assert len(seeds) == 180 and all(0 <= seed < 2**63 for seed in seeds)


def test_rates_rise_and_fall() -> None:
    config = OptimizerConfig(warmup_steps=4, decay=0.1, decay_steps=100)
    assert [rate_factor(step, 0.0, config) for step in (0, 1)] == pytest.approx([0.25, 0.5 * 0.1**0.01])
    assert rate_factor(200, 0.2, config) == pytest.approx(0.01)
    assert rate_factor(500, 0.5, OptimizerConfig(warmup_steps=0, decay=0.04, decay_steps=None)) == pytest.approx(0.2)


def test_rays_grow_from_an_eighth() -> None:
    config = RayConfig(rays_per_frame=800, ramp_steps=10)
    assert [rays_of_step(step, config) for step in (0, 5, 10, 99)] == [100, 450, 800, 800]
    assert rays_of_step(0, RayConfig(rays_per_frame=3, ramp_steps=10)) == 1
    assert rays_of_step(0, RayConfig(rays_per_frame=800)) == 800


def test_progress_by_steps_or_by_time() -> None:
    assert TrainingConfig(steps=200).progress(50, 1e9) == 0.25
    assert TrainingConfig(steps=200, minutes=2).progress(190, 30.0) == 0.25
    assert TrainingConfig(steps=200, minutes=2).progress(0, 500.0) == 1
