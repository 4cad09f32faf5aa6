"""Decoder and color heads use bfloat16 only where it is fast; the rest stays in float32."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.fields import precision
from training.loop.scene import build_scene
from training.loop.step import FrameResult
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

CPU = torch.device("cpu")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_bfloat16_is_used_when_requested_and_supported_by_the_processor(
    monkeypatch: pytest.MonkeyPatch, native: bool, wanted: bool
) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: native)
    with precision.products_in(wanted, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if native and wanted else torch.float32)


def test_gpus_that_emulate_bfloat16_do_not_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def is_supported(including_emulation: bool) -> bool:
        asked.append(including_emulation)
        return False

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    with precision.products_in(True, torch.device("cuda")):
        assert not torch.is_autocast_enabled("cuda")
    assert asked == [False]


def result_of(folder: Path, config: TrainingConfig) -> tuple[FrameResult, Trainer]:
    capture = open_capture(folder)
    with worker_pool(1) as pool:
        trainer = Trainer(capture, config, 3, build_scene(capture, config.data, pool), pool, native=False)
    return trainer._frame_step(0, False, 5, 64), trainer


@pytest.mark.slow
def test_a_step_in_mixed_precision_has_float32_gradients(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: True)
    config = load_config("tiny")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, hull_resolution=16))
    folder = ball_capture(tmp_path, frames=1)
    exact, trainer = result_of(folder, config)
    mixed, _ = result_of(folder, dataclasses.replace(config, heads_bfloat16=True, decoder_bfloat16=True))
    assert mixed.loss != exact.loss and mixed.loss == pytest.approx(exact.loss, rel=0.03)
    for got, expected, parameter in zip(mixed.gradients, exact.gradients, trainer.network.parameters(), strict=True):
        assert got is not None and expected is not None and got.dtype == torch.float32 and bool(got.isfinite().all())
        if parameter is trainer.network.hash_encoding.tables:
            assert float((got - expected).norm() / expected.norm()) < 0.1
