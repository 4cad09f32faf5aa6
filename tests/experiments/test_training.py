"""The first steps of a run: the density of a row must not fall to zero, from where no gradient brings it back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from experiments.table import Row, row_config
from tests.training.scenes import small_capture
from training.captures.opening import open_capture
from training.loop.scene import build_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

STEPS = 30


@pytest.mark.slow
def test_feature_planes_with_one_mlp_keep_their_density(tmp_path: Path) -> None:
    """With the learning rate and the leak of the preset, no ray had a colored sample any more."""
    config = row_config(Row("planes_only", "Planes"), "small")
    data = dataclasses.replace(config.data, num_frames=2, hull_resolution=48)
    rays = dataclasses.replace(config.rays, rays_per_frame=384, ramp=0.0, step=0.02)
    config = dataclasses.replace(config, data=data, rays=rays, steps=120, minutes=0.0)
    capture = open_capture(small_capture(tmp_path))
    with worker_pool(1) as pool:
        trainer = Trainer(capture, config, 0, build_scene(capture, config.data, pool), pool)
        colored = [trainer.advance()[0].colored_per_ray for _ in range(STEPS)]
    assert min(colored[-5:]) > 2
