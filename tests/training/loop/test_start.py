"""The first part of a run: coarse levels, keyframes, and density that starts from the hull."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from model.config import HashEncodingConfig
from model.hash_encoding import hash_levels
from tests.training.loop.shared_scene import scene_of, with_single_points
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import StartConfig, TrainingConfig, load_config
from training.fields.field import TrainingFrame
from training.fields.hull_start import hull_start_loss
from training.loop.coarse_to_fine import freeze_grids, freeze_tables
from training.loop.keyframes import interpolate_between
from training.loop.schedule import active_levels, trained_frames
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

STEPS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=5)


def config_with(**changes: object) -> TrainingConfig:
    config = with_single_points(load_config("tiny"))
    rays = dataclasses.replace(config.rays, rays_per_frame=64, by_error=float(changes.pop("by_error", 0.0)), by_error_from=0.2)  # type: ignore[arg-type]
    loss = dataclasses.replace(config.loss, distortion=float(changes.pop("distortion", 0.0)))  # type: ignore[arg-type]
    data = dataclasses.replace(config.data, hull_resolution=16)
    start = StartConfig(**changes)  # type: ignore[arg-type]
    return dataclasses.replace(config, rays=rays, data=data, start=start, loss=loss, steps=STEPS)


def trainer_of(folder: Path, config: TrainingConfig, native: bool | None = None, steps: int = 0) -> Trainer:
    capture = open_capture(folder)
    with worker_pool(2) as pool:
        trainer = Trainer(capture, config, 3, scene_of(folder, config.data), pool, native)
        for _ in range(steps):
            trainer.advance()
    return trainer


def test_schedules_by_hand() -> None:
    start = StartConfig(levels_until=0.5, keyframe_stride=3, keyframes_until=0.4)
    assert [active_levels(p, 5, start) for p in (0, 0.12, 0.13, 0.26, 0.49, 0.5, 1)] == [1, 1, 2, 3, 4, 5, 5]
    assert trained_frames(0.39, 8, start) == [0, 3, 6, 7] and trained_frames(0.4, 8, start) == list(range(8))
    assert trained_frames(0, 1, start) == [0]
    plain = StartConfig()
    assert active_levels(0, 5, plain) == 5 and trained_frames(0, 3, plain) == [0, 1, 2]


def test_latents_between_keyframes_by_hand() -> None:
    latents = torch.tensor([[0.0], [9.0], [9.0], [6.0], [9.0], [2.0]])
    interpolate_between(latents, [0, 3, 5])
    assert latents[:, 0].tolist() == [0, 2, 4, 6, 4, 2]


def test_gradients_of_fine_levels_are_removed() -> None:
    config = HashEncodingConfig(num_levels=3, features_per_level=2, log2_table_size=8, base_resolution=4, finest_resolution=16)
    levels = hash_levels(config)
    grids = torch.ones(3, sum(level.resolution**2 for level in levels), 2)
    tables = torch.ones(3, sum(level.entries for level in levels), 2)
    freeze_grids(grids, 2, config)
    freeze_tables(tables, 1, config)
    assert float(grids.sum()) == 6 * sum(level.resolution**2 for level in levels[:2])
    assert float(tables.sum()) == 6 * levels[0].entries


@pytest.mark.slow
@pytest.mark.parametrize("native", [True, False])
def test_fine_levels_wait_for_their_turn(folder: Path, native: bool) -> None:
    config = config_with(levels_until=1.0)
    levels = hash_levels(config.model.hash)
    untrained = trainer_of(folder, config, native).network.hash_encoding.tables.detach()
    trained = trainer_of(folder, config, native, 2).network.hash_encoding.tables.detach()
    active = active_levels(1 / 6, len(levels), config.start)
    entries = sum(level.entries for level in levels[:active])
    assert 1 < active < len(levels)
    assert torch.equal(trained[:, entries:], untrained[:, entries:])
    assert not torch.equal(trained[:, :entries], untrained[:, :entries])


@pytest.mark.slow
def test_frames_between_keyframes_start_from_them(folder: Path) -> None:
    config = config_with(keyframe_stride=4, keyframes_until=0.5)
    trainer = trainer_of(folder, config, steps=3)
    latents = trainer.latents()
    torch.testing.assert_close(latents[1:4], torch.stack([torch.lerp(latents[0], latents[4], k / 4) for k in (1, 2, 3)]))


@torch.no_grad()
def hull_error(trainer: Trainer) -> float:
    network, config = trainer.network, trainer.config
    maps = network.decoder(network.latent(0, lambda _: torch.zeros(0))[0][None])
    frame = TrainingFrame((maps[0][0], maps[1][0], maps[2][0]), network.hash_encoding, 0.0)
    return float(hull_start_loss(config, frame, None, trainer.scene.region(0), torch.Generator().manual_seed(0)))


@pytest.mark.slow
@pytest.mark.parametrize("native", [True, False])
def test_the_density_starts_with_the_wanted_optical_depth(folder: Path, native: bool) -> None:
    config = config_with(hull_depth=2.0, hull_until=1.0)  # without it, a sample has an optical depth of about 0.5 at first
    start, end = hull_error(trainer_of(folder, config, native)), hull_error(trainer_of(folder, config, native, STEPS))
    assert end < 0.6 * start


def test_an_optical_depth_of_zero_pulls_nothing() -> None:
    assert StartConfig(hull_depth=0.5, hull_until=0.1).pulls_density(0.09)
    assert not StartConfig(hull_depth=0.5, hull_until=0.1).pulls_density(0.1)
    assert not StartConfig(hull_depth=0.0, hull_until=0.1).pulls_density(0.0), "it is switched off, as 0 does elsewhere"
    assert not StartConfig(hull_depth=0.5).pulls_density(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("native", [True, False])
def test_a_resumed_run_with_all_of_it_equals_an_uninterrupted_one(folder: Path, tmp_path: Path, native: bool) -> None:
    options = {"hull_depth": 0.3, "hull_until": 0.5, "levels_until": 0.8, "keyframe_stride": 2, "keyframes_until": 0.5}
    config = config_with(**options, by_error=0.5, distortion=0.01)
    whole = trainer_of(folder, config, native, STEPS)
    trainer_of(folder, config, native, 3).save(tmp_path)
    resumed = trainer_of(folder, config, native)
    with worker_pool(1) as pool:
        resumed._pool = pool
        resumed.load(tmp_path)
        for _ in range(STEPS - 3):
            resumed.advance()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


@pytest.mark.slow
def test_both_fields_have_the_same_distortion(folder: Path) -> None:
    results = []
    for native in (True, False):
        trainer = trainer_of(folder, config_with(distortion=1.0), native)
        only = dataclasses.replace(trainer.config.loss, sample_color=0.0, mask=0.0, optical_depth=0.0, distortion=1e3)
        trainer._frame_step.config = dataclasses.replace(trainer.config, loss=only)
        results.append(trainer._frame_step(0, False, 5, 64, 0.5))
    first, second = (result.gradients[0] for result in results)
    assert first is not None and second is not None and float(second.norm()) > 0
    # The fields draw different samples, so the gradients are only similar.
    cosine = float((first * second).sum() / (first.norm() * second.norm()))
    assert cosine > 0.8, cosine
    assert results[0].loss == pytest.approx(results[1].loss, rel=0.3)
