"""Frames, seeds and learning rates depend only on the number of the step."""

from __future__ import annotations

import pytest

from training.config import OptimizerConfig, RayConfig, TrainingConfig
from training.loop.schedule import frames_of_step, prunes_between, rate_factor, rays_of_step, seed_of


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
    config = OptimizerConfig(warmup=0.04, decay=0.01)
    assert [rate_factor(0.0, after, config) for after in (0, 0.01, 0.02)] == pytest.approx(
        [0, 0.25 * 0.01**0.01, 0.5 * 0.01**0.02]
    )
    assert rate_factor(0.99, 1.0, config) == pytest.approx(0.01)
    assert rate_factor(0.4, 0.5, OptimizerConfig(warmup=0.0, decay=0.04)) == pytest.approx(0.2)


def test_rates_fall_linearly_to_zero_after_the_last_step() -> None:
    config = OptimizerConfig(warmup=0.2, schedule="linear", decay=0.03)
    factors = [rate_factor(step / 10, (step + 1) / 10, config) for step in range(10)]
    assert factors == pytest.approx([0.5 * 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert rate_factor(0.999, 1.004, config) == pytest.approx(0.001)  # the last step of a run whose length is a time
    late = OptimizerConfig(warmup=0.0, schedule="linear", fall_from=0.75)
    assert [rate_factor(before, 1.0, late) for before in (0, 0.5, 0.75, 0.8, 0.95)] == pytest.approx([1, 1, 1, 0.8, 0.2])


def test_rays_grow_from_an_eighth() -> None:
    config = RayConfig(rays_per_frame=800, ramp=0.1)
    assert [rays_of_step(progress, config) for progress in (0, 0.05, 0.1, 1)] == [100, 450, 800, 800]
    assert rays_of_step(0, RayConfig(rays_per_frame=3, ramp=0.1)) == 1
    assert rays_of_step(0, RayConfig(rays_per_frame=800)) == 800


@pytest.mark.parametrize("steps", [8, 30, 1000])
def test_a_short_run_prunes_as_often_as_a_long_one(steps: int) -> None:
    config = RayConfig(prune_every=0.25)
    pruned = [step for step in range(1, steps + 1) if prunes_between((step - 1) / steps, step / steps, config)]
    assert pruned == [-(-steps * quarter // 4) for quarter in (1, 2, 3)]
    assert not any(prunes_between((step - 1) / steps, step / steps, RayConfig()) for step in range(1, steps + 1))


def test_progress_by_steps_or_by_time() -> None:
    assert TrainingConfig(steps=200).progress(50, 1e9) == 0.25
    assert TrainingConfig(steps=200, minutes=2).progress(190, 30.0) == 0.25
    assert TrainingConfig(steps=200, minutes=2).progress(0, 500.0) == 1
    assert TrainingConfig(minutes=2).progress(0, 30.0, overhead=60.0) == 0.5
