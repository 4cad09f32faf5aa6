"""When the occupancy grids are updated: runs limited by time put updates off, runs limited by steps never do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.training.loop.shared_scene import scene_of
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.loop.checkpoint import read_header
from training.loop.occupancy_updates import MAX_SHARE, OccupancyUpdates
from training.loop.step import FrameStep
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool


def config_of(**length: object) -> TrainingConfig:
    config = load_config("tiny")
    rays = dataclasses.replace(config.rays, rays_per_frame=16, prune_every=0.1)
    data = dataclasses.replace(config.data, hull_resolution=16)
    return dataclasses.replace(config, rays=rays, data=data, **length)  # type: ignore[arg-type]


def test_an_update_is_put_off_until_a_fifth_of_the_time_pays_for_it() -> None:
    config, updates = config_of(minutes=10.0), OccupancyUpdates()
    assert not updates.after_step(0.05, 0.09, config).begins(50.0, config)
    first = updates.after_step(0.05, 0.1, config)
    assert first.due and first.begins(60.0, config)  # nothing is known of its time yet
    after = first.after_update(30.0)
    assert (after.due, after.seconds, after.last) == (False, 30.0, 30.0)
    due = after.after_step(0.15, 0.2, config)
    # (30 + 30) / (seconds + 30) is a fifth at 270 seconds.
    assert due.due and not due.begins(120.0, config) and not due.begins(269.9, config) and due.begins(270.1, config)
    waiting = due.after_step(0.2, 0.45, config)
    assert waiting == due  # several that are due are one
    assert not due.after_step(0.9, 1.0, config).begins(600.0, config)  # none at the end


def test_runs_of_steps_update_whenever_it_is_due() -> None:
    config, updates = config_of(steps=1000), OccupancyUpdates(False, 1e6, 1e6)
    assert updates.after_step(0.199, 0.2, config).begins(1.0, config)
    assert not updates.after_step(0.2, 0.201, config).begins(1.0, config)


def test_updates_after_the_first_take_a_fifth_at_most() -> None:
    config, updates, rng = config_of(minutes=1.0), OccupancyUpdates(), np.random.default_rng()
    cost, seconds, progress = rng.uniform(0.01, 3), 0.0, 0.0
    while progress < 1:
        seconds += rng.uniform(0.02, 1)
        before, progress = progress, config.progress(0, seconds)
        updates = updates.after_step(before, progress, config)
        if updates.begins(seconds, config):
            updates, seconds = updates.after_update(cost), seconds + cost
            assert updates.seconds in (cost, pytest.approx(cost)) or updates.seconds <= MAX_SHARE * seconds + 1e-9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=2, size=24)


@pytest.mark.parametrize(
    ("length", "expected"), [({"minutes": 1.0}, [6, 16, 24, 32, 40, 48]), ({"steps": 60}, list(range(6, 60, 6)))]
)
def test_a_slow_update_is_rare_in_a_run_limited_by_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, length: dict[str, float], expected: list[int]
) -> None:
    """A step takes a second, and an update two, of a clock that stands still otherwise."""
    config, now, updates = config_of(**length), [0.0], list[float]()
    with worker_pool(1) as pool:
        scene = scene_of(folder, config.data)
        trainer = Trainer(open_capture(folder), config, 0, scene, pool, clock=lambda: now[0])

        def step(*_: object) -> None:
            now[0] += 1

        def update() -> None:
            updates.append(trainer.step)
            now[0] += 2

        gradients = trainer._frame_step(0, False, 0, 16)
        monkeypatch.setattr(FrameStep, "__call__", lambda *_: gradients)
        monkeypatch.setattr(trainer, "_update", step)
        monkeypatch.setattr(trainer, "_update_occupancy", update)
        while not trainer.finished:
            trainer.advance()
    # By time, the first is done after 6 seconds. The nth needs 2 n <= 0.2 (t + 2), t = 18, 28, 38, 48, 58 seconds, of which
    # n - 1 updates have taken two each. All take 12 of 60 seconds.
    assert updates == expected


@pytest.mark.slow
def test_a_resumed_run_knows_what_updates_took(folder: Path, tmp_path: Path) -> None:
    config = config_of(minutes=5.0)
    with worker_pool(1) as pool:
        scene = scene_of(folder, config.data)
        trainer = Trainer(open_capture(folder), config, 0, scene, pool)
        trainer.updates = OccupancyUpdates(True, 3.5, 1.25)
        trainer.save(tmp_path)
        assert read_header(tmp_path).updates == trainer.updates
        other = Trainer(open_capture(folder), config, 0, scene, pool)
        other.load(tmp_path)
    assert other.updates == trainer.updates
