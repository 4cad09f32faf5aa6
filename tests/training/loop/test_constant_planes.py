"""Feature planes that are constant: hash tables are the only features, and everything else is trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from model.query import query_features
from tests.training.loop.shared_scene import with_single_points
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import load_config
from training.fields.torch_field import make_frame
from training.loop.scene import build_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

PLANES = ("decoder.feature_head.", "decoder.feature_trunk.")


def trainer(folder: Path, native: bool, constant: bool = True) -> Trainer:
    tiny = with_single_points(load_config("tiny"))
    data, rays = dataclasses.replace(tiny.data, hull_resolution=16), dataclasses.replace(tiny.rays, rays_per_frame=64)
    config = dataclasses.replace(tiny, data=data, rays=rays, constant_planes=constant, steps=40)
    capture = open_capture(ball_capture(folder, frames=2))
    with worker_pool(1) as pool:
        return Trainer(capture, config, 3, build_scene(capture, config.data, pool), pool, native=native)


@pytest.mark.slow
@pytest.mark.parametrize("native", [False, True])
def test_planes_stay_constant_and_the_rest_is_trained(tmp_path: Path, native: bool) -> None:
    run = trainer(tmp_path, native)
    before = {name: value.detach().clone() for name, value in run.network.named_parameters()}
    with worker_pool(1) as run._pool:
        first = run.advance()[0].squared_error
        for _ in range(19):
            last = run.advance()[0].squared_error
    assert last < first
    for name, value in run.network.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith(PLANES), name
    planes = run.network.decode(run.network.latent(1, run._frame_step.encoder_input)[0], 1).maps[0]  # type: ignore[union-attr]
    expected = torch.zeros(3, 32, 1, 1)
    expected[:, 0] = 1 / 3
    torch.testing.assert_close(planes, expected.expand_as(planes))


def test_hash_features_and_one_are_the_features(tmp_path: Path) -> None:
    run = trainer(tmp_path, native=False)
    latent = run.network.latent(0, run._frame_step.encoder_input)[0]
    frame = run.network.decode(latent, 0)
    config, points = run.config.model, torch.rand(7, 3)
    hashed = torch.rand(7, config.hash.num_levels * config.hash.features_per_level)
    box = torch.tensor([[0.0] * 3, [1.0] * 3])
    features = query_features(make_frame(config, frame.maps, [], box), points, lambda _: hashed)  # type: ignore[union-attr]
    expected = torch.zeros(7, 32)
    expected[:, : hashed.shape[1]] = hashed
    expected[:, 0] += 1
    torch.testing.assert_close(features, expected)


def test_without_the_switch_planes_are_trained(tmp_path: Path) -> None:
    names = [name for name, value in trainer(tmp_path, False, constant=False).network.named_parameters() if value.requires_grad]
    assert any(name.startswith(PLANES) for name in names)
