"""Checkpoints are atomic, training resumes exactly from them, and checkpoints that do not fit are rejected."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from common.errors import InputError
from tests.full_disk import full_disk
from tests.training.loop.shared_scene import scene_of, shrink_encoder, with_single_points
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.loop.checkpoint import FILE_NAME, read_header
from training.loop.progress import Progress
from training.loop.running import run_training
from training.loop.scene import Scene, build_scene, load_scene, prepare_scene, save_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

STEPS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=3)


def make_config(**changes: object) -> TrainingConfig:
    config = with_single_points(load_config("tiny"))
    rays = dataclasses.replace(config.rays, rays_per_frame=64, frames_per_step=3, prune_every=0.25, ramp=0.5)
    data = dataclasses.replace(config.data, hull_resolution=32)
    return dataclasses.replace(config, **({"rays": rays, "data": data, "steps": STEPS, "half_resolution": 0.5} | changes))  # type: ignore[arg-type]


def parameters(trainer: Trainer) -> dict[str, torch.Tensor]:
    state = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    cells = trainer._frame_step.occupancy_grids()
    assert cells is not None
    return state | {name: value.clone() for name, value in trainer.optimizer.state().items()} | {"cells": cells}


def train(
    capture: Path, config: TrainingConfig, steps: int = STEPS, *, workers: int = 2, seed: int = 3, native: bool | None = None
) -> Trainer:
    with worker_pool(workers) as pool:
        trainer = Trainer(open_capture(capture), config, seed, scene_of(capture, config.data), pool, native)
        for _ in range(steps):
            trainer.advance()
    return trainer


def resume(capture: Path, config: TrainingConfig, run: Path, steps: int, native: bool | None = None) -> Trainer:
    with worker_pool(1) as pool:
        trainer = Trainer(open_capture(capture), config, 3, scene_of(capture, config.data), pool, native)
        trainer.load(run)
        for _ in range(steps):
            trainer.advance()
    return trainer


@pytest.mark.slow
@pytest.mark.parametrize("native", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_resumed_training_equals_an_uninterrupted_one(folder: Path, tmp_path: Path, native: bool) -> None:
    config = make_config()
    whole = parameters(train(folder, config, native=native))
    train(folder, config, 3, native=native).save(tmp_path)
    resumed = resume(folder, config, tmp_path, STEPS - 3, native)
    assert resumed.step == STEPS
    for name, value in parameters(resumed).items():
        assert torch.equal(value, whole[name]), name


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(folder: Path) -> None:
    one, three = (parameters(train(folder, make_config(), 4, workers=n)) for n in (1, 3))
    assert all(torch.equal(one[name], three[name]) for name in one)
    with worker_pool(1) as pool:
        alone, shared = build_scene(open_capture(folder), make_config().data, pool), scene_of(folder, make_config().data)
    assert alone.hulls is not None and shared.hulls is not None and torch.equal(alone.hulls, shared.hulls)
    assert np.array_equal(alone.boxes, shared.boxes) and alone.doubted_frames == shared.doubted_frames


@pytest.mark.slow
def test_the_seed_changes_everything(folder: Path) -> None:
    first, second = (parameters(train(folder, make_config(), 2, seed=seed)) for seed in (0, 1))
    assert not torch.equal(first["hash_encoding.tables"], second["hash_encoding.tables"])


@pytest.mark.slow
def test_the_encoder_gives_latents_and_resumes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_encoder(monkeypatch)
    rays = dataclasses.replace(load_config("tiny").rays, rays_per_frame=32, frames_per_step=1)
    data = dataclasses.replace(make_config().data, num_frames=2)
    config = make_config(latents="encoder", rays=rays, data=data)
    train(folder, config, 1).save(tmp_path)
    resumed = resume(folder, config, tmp_path, 1)
    latents = resumed.latents()
    assert latents.shape == (2, config.model.decoder.latent_channels) and not torch.equal(latents[0], latents[1])
    whole = parameters(train(folder, config, 2))
    assert all(torch.equal(value, whole[name]) for name, value in parameters(resumed).items())


@pytest.mark.slow
def test_the_header_describes_the_training(folder: Path, tmp_path: Path) -> None:
    trainer = train(folder, make_config(), 2)
    trainer.save(tmp_path)
    header = read_header(tmp_path)
    assert (header.step, header.seed, header.config) == (2, 3, make_config())
    assert header.seconds == trainer.seconds > 0
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_no_checkpoint_is_a_pickle(folder: Path, tmp_path: Path) -> None:
    train(folder, make_config(), 1).save(tmp_path)
    assert "network.hash_encoding.tables" in load_file(tmp_path / FILE_NAME)


@pytest.fixture(scope="module")
def saved(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("saved")
    train(folder, make_config(), 1).save(run)
    return run


def copy(saved: Path, run: Path) -> Path:
    (run / FILE_NAME).write_bytes((saved / FILE_NAME).read_bytes())
    return run / FILE_NAME


@pytest.mark.slow
def test_a_full_disk_is_an_input_error_and_keeps_the_old_files(folder: Path, saved: Path, tmp_path: Path) -> None:
    trainer = resume(folder, make_config(), saved, 0)
    old = copy(saved, tmp_path).read_bytes()
    for save, name in ((trainer.save, FILE_NAME), (lambda run: save_scene(trainer.scene, run), "scene.safetensors")):
        with full_disk(), pytest.raises(InputError, match=f"{name}: cannot be written"):
            save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).read_bytes() == old


@pytest.mark.slow
def test_another_config_or_seed_is_refused(folder: Path, saved: Path) -> None:
    loss = dataclasses.replace(make_config().loss, mask=0.2)
    with pytest.raises(InputError, match="a different config"):
        resume(folder, make_config(loss=loss), saved, 0)
    resume(folder, make_config(steps=99, checkpoint_minutes=3.0), saved, 0)
    opened = open_capture(folder)
    with worker_pool(1) as pool:
        trainer = Trainer(opened, make_config(), 4, scene_of(folder, make_config().data), pool)
        with pytest.raises(InputError, match="--seed 3"):
            trainer.load(saved)


def test_another_field_is_refused(folder: Path, saved: Path) -> None:
    other = read_header(saved).field != "native"
    with pytest.raises(InputError, match=f"trained with the {read_header(saved).field} field"):
        resume(folder, make_config(), saved, 0, native=other)


def test_damaged_checkpoints_are_refused(folder: Path, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        read_header(tmp_path)
    path = copy(saved, tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        read_header(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        read_header(tmp_path)


def rewrite(saved: Path, path: Path, tensors: dict[str, torch.Tensor | None], **header: object) -> None:
    with safe_open(saved / FILE_NAME, framework="pt") as file:
        text = json.loads(file.metadata()["checkpoint"]) | header
    content = {k: v for k, v in (load_file(saved / FILE_NAME) | tensors).items() if v is not None}
    save_file(content, path, {"checkpoint": json.dumps(text)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tensors", "header", "fault"),
    [
        ({}, {"format_version": 2}, "has version 2"),
        ({}, {"format_version": ["a long value"] * 100}, "is damaged$"),
        ({}, {"format_version": True}, "is damaged$"),
        ({}, {"config": {"stepz": 1}}, "unknown field"),
        ({"network.hash_encoding.tables": torch.zeros(3)}, {}, "tables has a wrong shape"),
        ({"network.hash_encoding.tables": None}, {}, "has no hash_encoding.tables"),
        ({"network.surprise": torch.zeros(1)}, {}, "unknown surprise"),
        ({"network.embedding": torch.full((3, 16), torch.nan)}, {}, "not finite"),
        ({"optimizer.exp_avg.embedding": torch.zeros(2)}, {}, "exp_avg.embedding has a wrong shape"),
    ],
)
def test_messages_name_what_does_not_fit(
    folder: Path, saved: Path, tmp_path: Path, tensors: dict[str, torch.Tensor | None], header: dict[str, object], fault: str
) -> None:
    rewrite(saved, tmp_path / FILE_NAME, tensors, **header)
    with pytest.raises(InputError, match=fault):
        resume(folder, make_config(), tmp_path, 0)


def test_scenes_are_stored_without_loss(folder: Path, tmp_path: Path) -> None:
    scene = scene_of(folder, make_config().data)
    save_scene(scene, tmp_path)
    loaded = load_scene(tmp_path)
    assert (loaded.boxes == scene.boxes).all() and loaded.num_frames == 3
    assert torch.equal(loaded.hull(1), scene.hull(1)) and torch.equal(loaded.bounds(1), scene.bounds(1))  # type: ignore[arg-type]
    assert loaded.metadata.provenance == scene.metadata.provenance
    assert (loaded.metadata.cameras[2].K == scene.metadata.cameras[2].K).all()
    (tmp_path / "scene.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="damaged"):
        load_scene(tmp_path)
    with pytest.raises(InputError, match="not a training run"):
        load_scene(folder)


def forget_identity(run: Path) -> None:
    """Rewrite a scene as older versions did, without the identity of the capture."""
    path = run / "scene.safetensors"
    with safe_open(path, framework="pt") as file:
        text = json.loads(file.metadata()["scene"])
    del text["capture"]
    save_file(load_file(path), path, {"scene": json.dumps(text)})


def prepared(capture: Path, run: Path, resume: bool = True) -> Scene:
    with worker_pool(1) as pool:
        return prepare_scene(open_capture(capture), make_config().data, run, pool, resume)


@pytest.mark.slow
@pytest.mark.parametrize("old", [False, True])
def test_a_run_is_only_resumed_with_its_own_capture(folder: Path, tmp_path: Path, old: bool) -> None:
    run = tmp_path / "run"
    run.mkdir()
    prepared(folder, run, resume=False)
    if old:
        forget_identity(run)
    moved = tmp_path / "renamed"
    shutil.copytree(folder, moved)
    assert prepared(folder, run).num_frames == prepared(moved, run).num_frames == 3
    fewer = ball_capture(tmp_path / "fewer", frames=2)
    other_rig = ball_capture(tmp_path / "rig", frames=3, meta="pixel_center: 0.25\n")
    for another in (fewer, other_rig):
        with pytest.raises(InputError, match=r"is not the capture that this run was trained on \(.*3 frames, 6 cameras"):
            prepared(another, run)


@pytest.mark.slow
def test_another_capture_with_the_same_cameras_and_length_is_refused(folder: Path, tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    run.mkdir()
    prepared(folder, run, resume=False)
    shutil.copytree(folder, other)
    image = open_capture(other).image_source(0, 0).path
    Image.fromarray(255 - np.asarray(Image.open(image))).save(image)
    with pytest.raises(InputError, match="is not the capture"):
        prepared(other, run)
    held_out = tmp_path / "held_out"
    shutil.copytree(folder, held_out)
    (held_out / "meta.yaml").write_text("pixel_center: 0.5\ntest_cameras: [2]\n")
    with pytest.raises(InputError, match="views"):
        prepared(held_out, run)


def test_the_bounds_are_those_of_the_hull(folder: Path) -> None:
    scene = scene_of(folder, make_config().data)
    box, bounds, hull = torch.from_numpy(scene.boxes[0]), scene.bounds(0), scene.hull(0)
    assert (bounds[0] >= box[0]).all() and (bounds[1] <= box[1]).all() and hull is not None
    low = hull.nonzero().amin(0) / 32
    torch.testing.assert_close(bounds[0], box[0] + low * (box[1] - box[0]))


class Unread(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


class Hangup(io.StringIO):
    """A stream whose terminal is closed while it is written to."""

    def write(self, text: str) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return super().write(text)


def test_completed_steps_are_saved_when_the_output_is_closed(folder: Path, tmp_path: Path) -> None:
    with worker_pool(1) as pool:
        opened, config = open_capture(folder), make_config(steps=100)
        trainer = Trainer(opened, config, 3, scene_of(folder, config.data), pool)
        with pytest.raises(BrokenPipeError):
            run_training(trainer, tmp_path, Progress(stream=Unread(), seconds=0.0))
    assert read_header(tmp_path).step == trainer.step == 1


@pytest.mark.slow
def test_a_training_started_with_nohup_still_ignores_hangups(folder: Path, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with worker_pool(1) as pool:
            opened, config = open_capture(folder), make_config(steps=2)
            trainer = Trainer(opened, config, 3, scene_of(folder, config.data), pool)
            assert run_training(trainer, tmp_path, Progress(stream=Hangup(), seconds=0.0))
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_training_saves_every_completed_step(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    config = make_config(steps=100_000)
    with worker_pool(1) as pool:
        opened = open_capture(folder)
        trainer = Trainer(opened, config, 3, scene_of(folder, config.data), pool)

        def interrupt() -> None:
            while trainer.step < 3:
                time.sleep(0.01)
            os.kill(os.getpid(), number)

        before = signal.signal(number, signal.SIG_DFL)  # tests that nohup started would ignore hangups
        try:
            thread = threading.Thread(target=interrupt)
            thread.start()
            finished = run_training(trainer, tmp_path, Progress(seconds=3600.0))
            thread.join()
        finally:
            signal.signal(number, before)
    assert not finished and 3 <= trainer.step < 100_000
    assert read_header(tmp_path).step == trainer.step


@pytest.mark.parametrize("changed", ["mask", "vertices", "rule", "nothing"])
def test_a_run_is_not_resumed_after_its_masks_or_vertices_were_replaced(tmp_path: Path, changed: str) -> None:
    capture, run = ball_capture(tmp_path / "capture", frames=3), tmp_path / "run"
    vertices = capture / "vertices"
    vertices.mkdir()
    for frame in range(3):
        np.save(vertices / f"{frame:06d}.npy", np.random.default_rng(frame).uniform(-0.5, 0.5, (40, 3)).astype(np.float32))
    run.mkdir()
    prepared(capture, run, resume=False)
    mask = capture / "mask" / "02" / "000002.png"
    if changed == "mask":
        Image.fromarray(np.roll(np.asarray(Image.open(mask)), 2, axis=0)).save(mask)
    elif changed == "vertices":
        np.save(vertices / "000001.npy", 1.1 * np.load(vertices / "000001.npy"))
    elif changed == "rule":
        (capture / "meta.yaml").write_text((capture / "meta.yaml").read_text() + "mask_threshold: 200\n")
    else:
        mask.touch()
        assert prepared(capture, run).num_frames == 3
        return
    with pytest.raises(InputError, match="other masks or vertices"):
        prepared(capture, run)
