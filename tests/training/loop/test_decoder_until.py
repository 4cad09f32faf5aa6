"""After `optimizer.decoder_until`, only the hash tables are trained, and the maps of a frame are decoded once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from common.errors import InputError
from tests.model.methods.small import SMALL
from tests.training.loop.shared_scene import scene_of, with_single_points
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import OptimizerConfig, RefineConfig, TrainingConfig, load_config
from training.fields.field import TrainingFrame
from training.loop.fixed_maps import FixedMaps
from training.loop.memory import predict_memory
from training.loop.schedule import rate_factors, trains_decoder
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

STEPS = 6
TABLES = "hash_encoding.tables"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=2)


def config_until(share: float, **changes: object) -> TrainingConfig:
    tiny = with_single_points(load_config("tiny"))
    optimizer = dataclasses.replace(tiny.optimizer, decoder_until=share)
    data, rays = dataclasses.replace(tiny.data, hull_resolution=16), dataclasses.replace(tiny.rays, rays_per_frame=64)
    changed = dataclasses.replace(tiny, data=data, rays=rays, optimizer=optimizer, steps=STEPS)
    return dataclasses.replace(changed, **changes)  # type: ignore[arg-type]


def trained(
    capture: Path,
    config: TrainingConfig,
    native: bool,
    after_step: Callable[[Trainer], None] = lambda _: None,
    workers: int = 1,
) -> Trainer:
    """Return a trainer after all its steps; `after_step` is called after each of them."""
    with worker_pool(workers) as pool:
        trainer = Trainer(open_capture(capture), config, 3, scene_of(capture, config.data), pool, native)
        while not trainer.finished:
            trainer.advance()
            after_step(trainer)
    return trainer


def parameters(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.network.named_parameters()}


def test_rates_fall_within_the_part_of_the_run() -> None:
    config = OptimizerConfig(schedule="linear", warmup=0.0, decoder_until=0.5)
    factors = [rate_factors(step / 4, (step + 1) / 4, config) for step in range(4)]
    assert [each.tables for each in factors] == pytest.approx([1.0, 0.75, 0.5, 0.25])
    assert [each.others for each in factors] == [1.0, 0.5, None, None]
    assert [trains_decoder(progress, config) for progress in (0, 0.49, 0.5, 1)] == [True, True, False, False]
    assert all(trains_decoder(progress, OptimizerConfig()) for progress in (0, 0.5, 1))


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("decoder", ["adam", "muon"])
def test_only_the_tables_change_in_the_rest_of_a_run(capture: Path, native: bool, decoder: str) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    config = config_until(0.5)
    optimizer = dataclasses.replace(config.optimizer, decoder=decoder)  # type: ignore[arg-type]
    config = dataclasses.replace(config, optimizer=optimizer)
    trainer = trained(capture, config, native, lambda trainer: seen.append(parameters(trainer)))
    for step in range(1, STEPS):
        same = {name for name, value in seen[step].items() if torch.equal(value, seen[step - 1][name])}
        names = seen[step].keys()
        expected: set[str] = names - {TABLES} if step >= STEPS // 2 else set()
        assert same == expected, f"step {step}"
    assert trainer.optimizer.state().keys() == trainer.optimizer.expected_shapes().keys()


@pytest.mark.parametrize("native", [True, False])
def test_kept_maps_give_the_same_numbers_as_decoded_ones(capture: Path, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = trained(capture, config_until(0.5), native, workers=2)
    monkeypatch.setattr(FixedMaps, "frame", lambda self, index, decode: decode())
    for name, value in parameters(trained(capture, config_until(0.5), native)).items():
        assert torch.equal(value, parameters(kept)[name]), name


@pytest.mark.parametrize("at", [2, 3, 5])
def test_a_resumed_run_gives_the_same_numbers(capture: Path, tmp_path: Path, at: int) -> None:
    config = config_until(0.5)

    def save(trainer: Trainer) -> None:
        if trainer.step == at:
            trainer.save(tmp_path)

    whole = parameters(trained(capture, config, True, save))
    with worker_pool(1) as pool:
        resumed = Trainer(open_capture(capture), config, 3, scene_of(capture, config.data), pool, True)
        resumed.load(tmp_path)
        while not resumed.finished:
            resumed.advance()
    for name, value in parameters(resumed).items():
        assert torch.equal(value, whole[name]), name


def test_a_run_that_is_made_longer_trains_the_decoder_again(capture: Path, tmp_path: Path) -> None:
    config = config_until(0.5)
    trainer = trained(capture, config, True)
    longer = dataclasses.replace(config, steps=4 * STEPS)
    trainer.save(tmp_path)
    with worker_pool(1) as pool:
        resumed = Trainer(open_capture(capture), longer, 3, scene_of(capture, config.data), pool, True)
        resumed.load(tmp_path)
        resumed.advance()
    before, after = parameters(trainer), parameters(resumed)
    assert not any(torch.equal(value, before[name]) for name, value in after.items())


def test_cameras_are_refined_until_the_end(capture: Path) -> None:
    seen: list[torch.Tensor] = []
    config = config_until(0.5, refine=RefineConfig(colors=True, times=True, start=0.0, join=0.0))
    before: list[dict[str, torch.Tensor]] = []

    def note(trainer: Trainer) -> None:
        assert trainer.refinement is not None
        seen.append(trainer.refinement.values.clone())
        before.append(parameters(trainer))

    trained(capture, config, True, note)
    assert not torch.equal(seen[-1], seen[-2])
    changed = [name for name, value in before[-1].items() if not torch.equal(value, before[2][name])]
    assert changed == [TABLES]


def test_methods_without_tables_are_refused(capture: Path) -> None:
    model = dataclasses.replace(load_config("tiny").model, method=SMALL["dynerf"])
    config = config_until(0.5, model=model)
    with worker_pool(1) as pool, pytest.raises(InputError, match=r"no hash tables.*decoder_until"):
        Trainer(open_capture(capture), config, 3, scene_of(capture, config.data), pool)


def test_maps_are_kept_up_to_a_limit() -> None:
    decoded: list[int] = []

    def decode(index: int) -> Callable[[], TrainingFrame]:
        def of_frame() -> TrainingFrame:
            decoded.append(index)
            maps = tuple(torch.full((10,), float(index), requires_grad=True) for _ in range(3))
            return TrainingFrame(maps, None, 0.0)  # type: ignore[arg-type]

        return of_frame

    maps = FixedMaps(max_bytes=2 * 120)
    for index in (0, 1, 0, 1, 2, 2):
        frame = maps.frame(index, decode(index))
        assert [float(part[0]) for part in frame.maps] == [index] * 3 and not frame.maps[0].requires_grad
    assert decoded == [0, 1, 2, 2], "frame 2 does not fit"
    maps.clear()
    for index in (2, 0, 2, 0):
        maps.frame(index, decode(index))
    assert decoded[4:] == [2, 0]


def test_the_maps_are_part_of_the_predicted_memory(capture: Path) -> None:
    with worker_pool(1) as pool:
        needs = []
        for share in (1.0, 0.5):
            config = config_until(share)
            trainer = Trainer(open_capture(capture), config, 3, scene_of(capture, config.data), pool)
            needs.append(predict_memory(config, trainer.dataset, trainer.scene, "native"))
            decoded = trainer._frame_step._fixed(0)
    assert needs[1].network - needs[0].network == 2 * sum(part.nbytes for part in decoded.maps)
