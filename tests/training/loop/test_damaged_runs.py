"""Runs whose files are damaged or absurd, and captures that cannot be trained."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from common.errors import InputError
from model.config import DecoderConfig
from tests.command_runs import assert_fails, run_main
from tests.training.loop.shared_scene import scene_of
from tests.training.loop.test_checkpoint import make_config, prepared, train
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.loop.assemble import assemble_run
from training.loop.checkpoint import FILE_NAME, read_header
from training.loop.progress import Progress
from training.loop.running import run_training
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool
from training.train import main as train_command

Damage = Callable[[dict[str, torch.Tensor], dict[str, Any]], None]
"""Changes the tensors and the text of a scene."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=3)


@pytest.fixture(scope="module")
def prepared_run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run before its first step."""
    run = tmp_path_factory.mktemp("prepared")
    prepared(folder, run, resume=False)
    train(folder, make_config(), 0).save(run)
    return run


@pytest.fixture
def run(prepared_run: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(prepared_run, tmp_path / "run"))


def without_hulls(tensors: dict[str, torch.Tensor], _: dict[str, Any]) -> None:
    del tensors["hulls"]


def changed_text(name: str, value: object) -> Damage:
    return lambda _, text: text.update({name: value})


def changed_tensor(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Damage:
    return lambda tensors, _: tensors.update({name: change(tensors[name]).contiguous()})


DAMAGED_SCENES: dict[str, tuple[Damage, str]] = {
    "no cells": (changed_text("hull_resolution", 0), "hulls that do not fit their resolution of 0"),
    "fewer cells": (changed_text("hull_resolution", 16), "hulls that do not fit"),
    "more cells": (changed_text("hull_resolution", 64), "hulls that do not fit"),
    "cells beyond all memory": (changed_text("hull_resolution", 2_000_000), "hulls that do not fit"),
    "negative cells": (changed_text("hull_resolution", -32), "hulls that do not fit"),
    "no hulls": (without_hulls, "hulls that do not fit"),
    "hulls of floats": (changed_tensor("hulls", torch.Tensor.float), "hulls that do not fit"),
    "hulls of other frames": (changed_tensor("hulls", lambda hulls: hulls[:2]), "hulls that do not fit"),
    "flat boxes": (changed_tensor("boxes", torch.Tensor.flatten), "boxes of shape"),
    "no boxes": (changed_tensor("boxes", lambda boxes: boxes[:0]), "boxes of shape"),
    "boxes of doubles": (changed_tensor("boxes", torch.Tensor.double), "boxes of shape"),
    "infinite boxes": (changed_tensor("boxes", lambda boxes: boxes / 0), "boxes of shape"),
    "boxes upside down": (changed_tensor("boxes", lambda boxes: boxes.flip(1)), "box"),
    "empty up": (changed_text("up", []), "up must be a list of three numbers"),
    "infinite rate": (changed_text("fps", "inf"), "not finite"),
    "cameras of text": (changed_text("cameras", "no"), "camera|damaged"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "fault"), DAMAGED_SCENES.values(), ids=list(DAMAGED_SCENES))
def test_damaged_scenes_are_refused_before_native_code_reads_them(run: Path, damage: Damage, fault: str) -> None:
    path = run / "scene.safetensors"
    with safe_open(path, framework="pt") as file:
        text = json.loads(file.metadata()["scene"])
    tensors = load_file(path)
    damage(tensors, text)
    save_file(tensors, path, {"scene": json.dumps(text)})
    with pytest.raises(InputError, match=fault):
        assemble_run(run)


UPDATES = [[1], {"due": False, "seconds": 2.0, "last": -1}, {"due": 1, "seconds": 2.0, "last": 1.0}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", -1),
        ("seed", -1),
        ("seed", 1 << 63),
        ("seconds", "inf"),
        ("seconds", -1),
        *(("updates", bad) for bad in UPDATES),
    ],
)
def test_impossible_numbers_in_a_checkpoint_are_refused(run: Path, name: str, value: object) -> None:
    rewrite_header(run, **{name: value})
    with pytest.raises(InputError, match="is damaged"):
        read_header(run)


def rewrite_header(run: Path, **changes: object) -> None:
    """Give the checkpoint of a run a header with other values."""
    with safe_open(run / FILE_NAME, framework="pt") as file:
        text = json.loads(file.metadata()["checkpoint"])
    save_file(load_file(run / FILE_NAME), run / FILE_NAME, {"checkpoint": json.dumps(text | changes)})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoder", "fault"),
    [
        ({"latent_channels": 4096, "backbone_channels": (2048, 2048, 64)}, "has a wrong shape"),
        ({"backbone_channels": (4096,) * 9}, "parameters, more than"),
    ],
)
def test_a_run_with_an_absurd_config_takes_no_memory(
    run: Path, monkeypatch: pytest.MonkeyPatch, decoder: dict[str, Any], fault: str
) -> None:
    config = make_config()
    sizes: dict[str, Any] = {"feature_plane_resolution": 16, "density_map_resolution": 16}
    model = dataclasses.replace(config.model, decoder=DecoderConfig(**decoder), **sizes)
    rewrite_header(run, config=dataclasses.replace(config, model=model).to_dict())

    def no_memory(tensor: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        assert tensor.is_meta
        return tensor

    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", no_memory)
    with pytest.raises(InputError, match=fault):
        assemble_run(run)


@pytest.mark.slow
def test_training_stops_when_no_ray_meets_the_scene(folder: Path, tmp_path: Path) -> None:
    with worker_pool(1) as pool:
        opened, config = open_capture(folder), make_config(steps=100)
        scene = scene_of(folder, config.data)
        assert scene.hulls is not None
        hulls = torch.zeros_like(scene.hulls)
        hulls[:, 0] = 1  # a corner that no ray meets
        trainer = Trainer(opened, config, 3, dataclasses.replace(scene, hulls=hulls), pool)
        with pytest.raises(InputError, match="training: no ray of the last 10 steps meets the scene; check the cameras"):
            run_training(trainer, tmp_path, Progress(stream=io.StringIO()))
    assert trainer.step == 10


def test_what_a_bundle_cannot_store_is_refused_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = ball_capture(tmp_path / "ball", frames=1)
    (capture / "LICENSE.txt").write_bytes("No copies".encode("utf-16"))
    monkeypatch.setattr("training.train.prepare_scene", lambda *_: pytest.fail("the capture was prepared"))
    result = run_main(train_command, "--capture", capture, "--config", "tiny", "--out", tmp_path / "run")
    assert_fails(result, "ball", "license")


def test_a_network_beyond_the_memory_is_refused_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = ball_capture(tmp_path / "ball", frames=1)
    monkeypatch.setattr("common.memory.available_memory", lambda: 1000)
    monkeypatch.setattr("training.train.prepare_scene", lambda *_: pytest.fail("the capture was prepared"))
    result = run_main(train_command, "--capture", capture, "--config", "tiny", "--out", tmp_path / "run")
    assert_fails(result, "parameters: needs about", "choose a smaller model")
