"""The held-out view: its PSNR, the best checkpoint, stopping early, and TensorBoard logs of it."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from common.errors import InputError
from common.scores import psnr
from model.bundle.info import read_bundle
from tests.command_runs import assert_fails, run_main
from tests.training.loop.shared_scene import with_single_points
from tests.training.scenes import BALL_COLOR, ball_capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, ValidationConfig, load_config
from training.export import main as export_command
from training.loop.assemble import assemble_run
from training.loop.captured_views import spread
from training.loop.checkpoint import read_header
from training.loop.log import RunLog
from training.loop.progress import Progress
from training.loop.running import run_training
from training.loop.scene import build_scene, prepare_scene
from training.loop.trainer import Trainer
from training.loop.validation import Validation, ValidationState, held_out_camera
from training.loop.watch import RunWatch
from training.loop.workers import worker_pool
from training.train import main as train_command

STEPS = 8
CONFIG = "base: tiny\ndata: {hull_resolution: 16}\nrays: {rays_per_frame: 32}\nmodel: {occupancy: {subgrid: 1}}\nsteps: 4\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=3, size=32)


@pytest.fixture
def command(folder: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "short.yaml").write_text(CONFIG)
    return ["--capture", str(folder), "--config", str(tmp_path / "short.yaml"), "--out", str(tmp_path / "run"), "--no-check"]


def make_config(**changes: object) -> TrainingConfig:
    config = with_single_points(load_config("tiny"))
    rays = dataclasses.replace(config.rays, rays_per_frame=32, prune_every=0.25)
    data = dataclasses.replace(config.data, hull_resolution=16)
    validation = ValidationConfig(**({"every": 1 / STEPS} | changes))  # type: ignore[arg-type]
    return dataclasses.replace(config, rays=rays, data=data, steps=STEPS, validation=validation)


def run(
    capture: Path, run_folder: Path, config: TrainingConfig, scores: list[float], monkeypatch: pytest.MonkeyPatch, resume: bool
) -> tuple[Trainer, bool]:
    """Train with given scores of the held-out view, one per step; they follow the step, also after a resume."""
    with worker_pool(1) as pool:
        opened = open_capture(capture)
        run_folder.mkdir(exist_ok=True)
        scene = prepare_scene(opened, config.data, run_folder, pool, resume)
        trainer = Trainer(opened, config, 3, scene, pool)
        if resume:
            trainer.load(run_folder)
        validation = Validation(opened, config, scene, trainer.dataset.frames, 1, 1)
        monkeypatch.setattr(validation, "score", lambda _: scores[trainer.step - 1])
        progress = Progress(stream=io.StringIO())
        watch = RunWatch(trainer, run_folder, RunLog(run_folder / "log.jsonl", append=resume), progress, validation, board=None)
        return trainer, run_training(trainer, run_folder, progress, watch)


def test_the_best_score_and_the_renderings_since_are_counted() -> None:
    state = ValidationState()
    for step, score in enumerate([20.0, 21.0, 20.5, 21.0], start=1):
        state = state.after(score, step)
    assert state == ValidationState(21.0, 2, 2)
    assert state.stops(ValidationConfig(patience=2)) and not state.stops(ValidationConfig(patience=3))
    assert not state.stops(ValidationConfig())
    assert ValidationState.from_dict(state.to_dict()) == state and ValidationState.from_dict(None) == ValidationState()


@pytest.mark.slow
def test_the_score_is_the_psnr_in_the_box(folder: Path) -> None:
    config = make_config()
    with worker_pool(1) as pool:
        opened = open_capture(folder)
        scene = build_scene(opened, config.data, pool)
        validation = Validation(opened, config, scene, range(3), 1, 1)
    assert validation.frame == 1
    np.testing.assert_allclose(validation.truth.max(axis=(0, 1)) * 255, np.array(BALL_COLOR) // 2, atol=1e-4)
    off = validation.truth.copy()
    assert validation.score(off) == 100
    off[validation._inside] += 0.1
    off[~validation._inside] = 1  # outside the box nothing counts
    assert validation.score(off) == pytest.approx(psnr(0.01), abs=1e-4)


@pytest.mark.slow
def test_the_rendering_is_that_of_the_exported_run(folder: Path, tmp_path: Path) -> None:
    from renderer.select import create_renderer

    config = make_config()
    with worker_pool(1) as pool:
        opened = open_capture(folder)
        scene = prepare_scene(opened, config.data, tmp_path, pool, resume=False)
        trainer = Trainer(opened, config, 3, scene, pool)
        for _ in range(STEPS):
            trainer.advance()
        before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
        validation = Validation(opened, config, scene, range(3), 1, 1)
        rendered, score = trainer.validate(validation)
        trainer.save(tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())
    assert all(parameter.requires_grad for parameter in trainer.network.parameters())
    video, renderer = assemble_run(tmp_path), create_renderer("cpu", 1)
    exported = renderer.render(renderer.prepare(video, 1.0), validation.camera).rgba[..., :3]
    np.testing.assert_array_equal(rendered, exported)
    assert trainer.validation == ValidationState(score, STEPS, 0)


@pytest.mark.slow
def test_training_stops_early_and_keeps_the_best_checkpoint(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [20.0, 22.0, 21.0, 21.5, 23.0, 24.0, 25.0, 26.0]
    trainer, finished = run(folder, tmp_path / "a", make_config(patience=2), scores, monkeypatch, resume=False)
    assert finished and trainer.step == 4 and trainer.finished and trainer.progress < 1
    assert trainer.validation == ValidationState(22.0, 2, 2)
    best, last = read_header(tmp_path / "a", "best.safetensors"), read_header(tmp_path / "a")
    assert (best.step, last.step) == (2, 4)
    assert not [name for name in load_file(tmp_path / "a" / "best.safetensors") if name.startswith("optimizer")]
    assert "2 steps" in assemble_run(tmp_path / "a", range(1), "best").metadata.provenance["trained"]
    assert "4 steps" in assemble_run(tmp_path / "a", range(1)).metadata.provenance["trained"]
    logged = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    assert [line["held_back_psnr"] for line in logged] == scores[:4] and [line["step"] for line in logged] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_resumed_run_stops_at_the_same_step(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, config = [20.0, 22.0, 21.0, 21.5, 21.0, 24.0, 25.0, 26.0], make_config(patience=3)
    whole, _ = run(folder, tmp_path / "whole", config, scores, monkeypatch, resume=False)
    assert whole.step == 5
    real = Trainer.advance
    with monkeypatch.context() as patch:

        def interrupted(trainer: Trainer) -> object:
            if trainer.step == 3:
                raise BrokenPipeError
            return real(trainer)

        patch.setattr(Trainer, "advance", interrupted)
        with pytest.raises(BrokenPipeError):
            run(folder, tmp_path / "parts", config, scores, monkeypatch, resume=False)
    resumed, _ = run(folder, tmp_path / "parts", config, scores, monkeypatch, resume=True)
    assert resumed.step == 5 and resumed.validation == whole.validation
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name])


@pytest.mark.parametrize(
    ("meta", "settings", "fault"),
    [
        ("", {"patience": 2}, "needs a held-out view"),
        ("", {"export": "best"}, "needs a held-out view"),
        ("test_cameras: [1]\n", {"every": 0.0, "patience": 1}, "needs a held-out view"),
        ("test_cameras: [1]\n", {"camera": 2}, "is 2, which is trained on"),
        ("test_cameras: [1]\n", {"camera": 99}, "is 99, which does not exist"),
    ],
)
def test_a_held_out_view_that_is_none_is_refused(tmp_path: Path, meta: str, settings: dict[str, object], fault: str) -> None:
    capture = open_capture(ball_capture(tmp_path / "ball", frames=1, meta=f"pixel_center: 0.5\n{meta}", size=32))
    with pytest.raises(InputError, match=fault):
        held_out_camera(capture, ValidationConfig(**settings), 0)  # type: ignore[arg-type]


def test_without_held_out_cameras_nothing_is_rendered(tmp_path: Path) -> None:
    capture = open_capture(ball_capture(tmp_path / "ball", frames=1, meta="pixel_center: 0.5\n", size=32))
    assert held_out_camera(capture, ValidationConfig(), 0) is None


def test_missing_images_of_the_held_out_camera_do_not_stop_training(tmp_path: Path) -> None:
    folder = ball_capture(tmp_path / "ball", frames=2, size=32)
    (folder / "images" / "01" / "000001.png").unlink()
    assert held_out_camera(open_capture(folder), ValidationConfig(), 1) is None
    assert held_out_camera(open_capture(folder), ValidationConfig(), 0) == 1


def test_copies_are_spread_and_have_the_middle() -> None:
    assert spread(60, 3) == [10, 30, 50] and spread(2, 3) == [0, 1] and spread(1, 3) == [0]


@pytest.mark.slow
def test_a_run_has_a_log_views_and_tensorboard(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train_command([*command, "--tensorboard"]) == 0
    run_folder = tmp_path / "run"
    assert "from the last checkpoint; the held-out view was best at step" in capsys.readouterr().err
    assert len(list((run_folder / "views").iterdir())) == 3 * 6
    events = EventAccumulator(str(run_folder / "tensorboard"), {"images": 0})
    events.Reload()
    assert [event.step for event in events.Scalars("held_back_psnr")] == [1, 2, 3, 4]
    assert {"loss", "psnr", "rays_per_second"} <= set(events.Tags()["scalars"])
    image = events.Images("held_back_view")[0]
    assert (image.width, image.height) == (64, 32)
    assert export_command([str(run_folder), str(tmp_path / "best.mlpvid"), "--checkpoint", "best"]) == 0
    assert "best held-out view" in read_bundle(tmp_path / "best.mlpvid").metadata.provenance["trained"]


def test_tensorboard_that_is_not_installed_is_refused_in_one_line(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.loop.board.importlib.util.find_spec", lambda _: None)
    result = run_main(train_command, *command, "--tensorboard")
    assert_fails(result, "--tensorboard: needs the package tensorboard; pip install tensorboard")
    assert not (tmp_path / "run").exists()
