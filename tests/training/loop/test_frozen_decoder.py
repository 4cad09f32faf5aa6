"""A frozen decoder gets no gradients; latents and hash tables get the same ones as with a decoder that is trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.training.loop.shared_scene import with_single_points
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.loop.scene import build_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

DECODER = "decoder."


def trainers(folder: Path, native: bool) -> dict[bool, Trainer]:
    """Return trainers with the same seed, one whose decoder is frozen and one whose decoder is trained."""
    tiny = with_single_points(load_config("tiny"))
    data = dataclasses.replace(tiny.data, hull_resolution=16)
    config = dataclasses.replace(tiny, data=data, rays=dataclasses.replace(tiny.rays, rays_per_frame=64))
    capture = open_capture(ball_capture(folder, frames=2))

    def trainer(config: TrainingConfig) -> Trainer:
        with worker_pool(1) as pool:
            return Trainer(capture, config, 3, build_scene(capture, config.data, pool), pool, native=native)

    return {frozen: trainer(dataclasses.replace(config, frozen_decoder=frozen)) for frozen in (True, False)}


@pytest.mark.parametrize("native", [False, True])
def test_only_the_decoder_gets_no_gradients(tmp_path: Path, native: bool) -> None:
    both = trainers(tmp_path, native)
    frozen, trained = (both[key]._frame_step(1, False, 5, 64) for key in (True, False))
    names = [name for name, _ in both[True].network.named_parameters()]
    assert frozen.loss == trained.loss
    for name, without, gradient in zip(names, frozen.gradients, trained.gradients, strict=True):
        if name.startswith(DECODER):
            assert without is None and gradient is not None, name
        elif gradient is None:
            assert native and without is None, name
        else:
            assert without is not None
            torch.testing.assert_close(without, gradient, rtol=1e-5, atol=1e-9)
    latents = frozen.gradients[names.index("embedding")]
    assert latents is not None and bool(latents[1].abs().sum() > 0), "the latents' gradient passes through the decoder"
    if native:
        assert frozen.grids is not None and trained.grids is not None
        torch.testing.assert_close(frozen.grids.grids, trained.grids.grids)


@pytest.mark.parametrize("native", [False, True])
def test_a_step_changes_everything_else(tmp_path: Path, native: bool) -> None:
    trainer = trainers(tmp_path, native)[True]
    before = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
    with worker_pool(1) as trainer._pool:
        trainer.advance()
    for name, value in trainer.network.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith(DECODER), name
    assert not any(DECODER in name for name in trainer.optimizer.state())
    assert trainer.optimizer.state().keys() == trainer.optimizer.expected_shapes().keys()
