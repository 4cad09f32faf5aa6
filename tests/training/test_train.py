"""`python -m training.train`: the length of a run."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from model.bundle.read import read_bundle
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import load_config
from training.loop.assemble import predict_seconds
from training.loop.checkpoint import read_header
from training.loop.scene import build_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool
from training.train import main

CONFIG = "base: tiny\ndata: {hull_resolution: 16}\nrays: {rays_per_frame: 16}\nmodel: {occupancy: {subgrid: 1}}\n"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "short.yaml").write_text(CONFIG)
    capture = ball_capture(tmp_path / "ball", frames=2, size=32)
    return ["--capture", str(capture), "--config", str(tmp_path / "short.yaml"), "--out", str(tmp_path / "run")]


@pytest.mark.slow
def test_minutes_leave_time_for_preparation_and_bundle(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overheads: list[float] = []

    def one_step(trainer: Trainer, folder: Path, *_: object) -> bool:
        overheads.append(trainer.overhead)
        trainer.advance()
        assert trainer.progress == pytest.approx(trainer.seconds / (60 * 90 - trainer.overhead))
        trainer.save(folder)
        return True

    monkeypatch.setattr("training.train.predict_seconds", lambda *_: 2000.0)
    monkeypatch.setattr("training.train.run_training", one_step)
    assert main([*command, "--minutes", "90"]) == 0
    assert 2000 < overheads[0] < 3000
    assert read_header(tmp_path / "run").config.minutes == 90
    assert (tmp_path / "run" / "video.mlpvid").is_file()


@pytest.mark.slow
def test_the_time_to_write_the_bundle_grows_with_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=7.0)  # one frame takes 7 s
    monkeypatch.setattr("training.loop.assemble.time.monotonic", lambda: next(clock))
    config, capture = load_config("tiny"), open_capture(ball_capture(tmp_path / "ball", frames=3, size=32))
    with worker_pool(1) as pool:
        scene = build_scene(capture, config.data, pool)
    assert predict_seconds(config, scene, workers=2) == pytest.approx(7 * 3 / 2)


@pytest.mark.slow
def test_minutes_of_processor_time_are_those_of_the_steps_alone(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]

    def one_step(trainer: Trainer, folder: Path, *_: object) -> bool:
        assert trainer.overhead == 0
        update = trainer._update

        def slow(*arguments: Any) -> None:
            now[0] += 2
            update(*arguments)

        monkeypatch.setattr(trainer, "_update", slow)
        trainer.advance()
        assert trainer.seconds == 2 and trainer.progress == pytest.approx(2 / 60)
        trainer.save(folder)
        return True

    monkeypatch.setattr("training.loop.clock.processor_time", lambda: now[0])
    monkeypatch.setattr("training.train.run_training", one_step)
    assert main([*command, "--minutes", "1", "--processor-time", "--threads", "2"]) == 0
    trained = read_bundle(tmp_path / "run" / "video.mlpvid").metadata.provenance["trained"]
    assert trained.startswith("1 steps in 0 minutes of processor time, ")
    monkeypatch.undo()
    assert main([*command, "--minutes", "1", "--resume"]) == 2  # minutes of another clock


@pytest.mark.slow
def test_boxes_and_hulls_of_another_run_are_taken(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--steps", "1"]) == 0
    first = (tmp_path / "run" / "scene.safetensors").read_bytes()
    second = [*command[:-1], str(tmp_path / "second"), "--steps", "1", "--scene", str(tmp_path / "run")]
    monkeypatch.setattr("training.loop.scene.carve_hull", lambda *_: pytest.fail("carves again"))
    assert main(second) == 0 and (tmp_path / "second" / "scene.safetensors").read_bytes() == first
    monkeypatch.undo()
    (tmp_path / "short.yaml").write_text(CONFIG.replace("hull_resolution: 16", "hull_resolution: 8"))
    capsys.readouterr()
    third = [*second[:-5], str(tmp_path / "third"), *second[-4:]]
    assert main(third) == 2
    assert "has boxes and hulls of other data settings; name another run with --scene, or none" in capsys.readouterr().err


def test_processor_time_needs_a_length_in_minutes(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--steps", "5", "--processor-time"]) == 2
    assert "--processor-time: needs a run whose length is a time; give it one with --minutes" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_too_short_to_write_its_bundle_is_refused_before_the_first_step(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.train.predict_seconds", lambda *_: 60.0)
    for minutes, length in (("0.5", "0.5 minutes"), ("1", "one minute")):
        assert main([*command, "--minutes", minutes]) == 2
        message = f"a run of {length}: is too short: reading the capture and writing the bundle take about [1-9]\\.\\d minutes"
        assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("minutes", ["0", "-3", "nan", "2000000", "x"])
def test_impossible_lengths_are_refused(command: list[str], minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--minutes", minutes])
    assert caught.value.code == 2 and "--minutes" in capsys.readouterr().err


def test_steps_and_minutes_exclude_each_other(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--minutes", "1", "--steps", "5"])
    assert caught.value.code == 2 and "not allowed with" in capsys.readouterr().err
