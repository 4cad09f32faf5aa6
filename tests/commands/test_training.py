"""The training commands: what they write and print. Bad input ends with one line and status 2."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path

import pytest
import yaml

from model.bundle.info import read_bundle, write_bundle
from tests.command_runs import CommandRun, assert_fails, run_main, run_python
from tests.training.captures.test_annotations import Reduced, write
from tests.training.scenes import ball_capture, small_capture
from training.__main__ import COMMANDS, main
from training.config import load_config

pytestmark = pytest.mark.xdist_group("training commands")  # one process makes what they share once


def command(name: str, *arguments: object) -> CommandRun:
    """Run a training command in this process."""
    return run_main(main, name, *arguments)


def fails(run: CommandRun, *expected: str) -> None:
    """Check that a run ended with one line that has all these words, and that only progress was printed before it."""
    assert_fails(run, *expected)
    assert not run.stdout and run.stderr.strip().splitlines()[-1].startswith("error: ")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_capture(tmp_path_factory.mktemp("capture"))


@pytest.fixture(scope="module")
def run(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    values = load_config("tiny").to_dict()
    values["data"] |= {"num_frames": 2, "first_frame": 3}
    values["rays"]["rays_per_frame"] = 64
    (folder / "short.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(values))))
    out = folder / "out"
    result = command("train", "--capture", capture, "--config", folder / "short.yaml", "--out", out, "--steps", 12)
    assert result.returncode == 0, result.stderr
    assert "step 12 (100%)" in result.stderr and "PSNR" in result.stderr
    return out


@pytest.mark.slow
def test_a_training_leaves_a_bundle(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    tensors = {"checkpoint.safetensors", "best.safetensors", "scene.safetensors"}
    assert names == {*tensors, "config.yaml", "log.jsonl", "views", "video.mlpvid"}
    video = read_bundle(run / "video.mlpvid")
    assert video.num_frames == 2 and len(video.metadata.cameras) == 8
    assert video.metadata.provenance["first_frame"] == "3" and "12 steps" in video.metadata.provenance["trained"]
    assert load_config(str(run / "config.yaml")).steps == 12


@pytest.mark.parametrize("name", ["train", "train_segments"])
def test_a_run_is_not_written_into_the_capture(capture: Path, name: str) -> None:
    before = sorted(path.name for path in capture.iterdir())
    run = command(name, "--capture", capture, "--config", "tiny", "--out", capture / ".." / capture.name)
    fails(run, "is the folder of the capture", "choose another folder for the run")
    assert sorted(path.name for path in capture.iterdir()) == before


@pytest.mark.slow
def test_a_training_is_not_overwritten_but_resumed(run: Path, capture: Path, tmp_path: Path) -> None:
    config = run / "config.yaml"
    fails(command("train", "--capture", capture, "--config", config, "--out", run), "already has a training run", "--resume")
    for name in ("checkpoint.safetensors", "scene.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    resumed = command("train", "--capture", capture, "--config", config, "--out", tmp_path, "--steps", 14, "--resume")
    assert resumed.returncode == 0 and "step 14 (100%)" in resumed.stderr
    again = command("train", "--capture", capture, "--config", config, "--out", tmp_path, "--seed", 1, "--resume")
    fails(again, "--seed 0")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_export_writes_bundles(run: Path, tmp_path: Path, precision: str) -> None:
    result = command("export", run, tmp_path / "out.mlpvid", "--precision", precision)
    assert result.returncode == 0, result.stderr
    assert read_bundle(tmp_path / "out.mlpvid").num_frames == 2


def test_evaluate_scores_runs_and_bundles_alike(run: Path, capture: Path) -> None:
    arguments = ("--capture", capture, "--views", "test", "--frames", "1:2", "--json")
    of_run = command("evaluate", run, *arguments)
    of_bundle = command("evaluate", run / "video.mlpvid", *arguments)
    assert of_run.returncode == 0, of_run.stderr
    scores, others = json.loads(of_run.stdout), json.loads(of_bundle.stdout)
    assert {"psnr", "ssim", "psnr_full", "seconds"} <= set(scores)
    assert 5 < scores["psnr"] < 40 and scores["psnr_full"] > scores["psnr"] and 0 < scores["ssim"] < 1
    assert scores["seconds"] > 0
    assert others["psnr"] == pytest.approx(scores["psnr"], abs=0.3)  # the bundle is in half precision


@pytest.mark.slow
def test_evaluate_scores_the_checkpoint_that_is_asked_for(run: Path, capture: Path, tmp_path: Path) -> None:
    arguments = ("--capture", capture, "--frames", "0", "--json")
    for name in ("scene.safetensors", "checkpoint.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    assert command("train", *_training_of(run, capture), "--out", tmp_path, "--steps", 30, "--resume").returncode == 0
    (tmp_path / "best.safetensors").write_bytes((run / "best.safetensors").read_bytes())
    last, best = (command("evaluate", tmp_path, *arguments, "--checkpoint", name) for name in ("last", "best"))
    assert command("export", run, tmp_path / "best.mlpvid", "--checkpoint", "best").returncode == 0
    bundle = command("evaluate", tmp_path / "best.mlpvid", *arguments)
    scores = [json.loads(result.stdout)["psnr"] for result in (last, best, bundle)]
    assert scores[1] == pytest.approx(scores[2], abs=1e-3) and abs(scores[0] - scores[1]) > 0.05
    fails(command("evaluate", tmp_path / "best.mlpvid", *arguments, "--checkpoint", "best"), "--checkpoint", "not the folder")


def _training_of(run: Path, capture: Path) -> tuple[object, ...]:
    return "--capture", capture, "--config", run / "config.yaml", "--no-check"


def test_evaluate_prints_text_for_people(run: Path, capture: Path) -> None:
    result = command("evaluate", run / "video.mlpvid", "--capture", capture, "--frames", "0", "--views", "train")
    assert result.returncode == 0 and "PSNR" in result.stdout and "dB" in result.stdout


@pytest.mark.slow
def test_faults_of_evaluate(run: Path, capture: Path, tmp_path: Path) -> None:
    bundle = run / "video.mlpvid"
    fails(command("evaluate", tmp_path / "none.mlpvid", "--capture", capture, "--json"), "none.mlpvid")
    fails(command("evaluate", tmp_path, "--capture", capture), "not a training run")
    fails(command("evaluate", bundle, "--capture", tmp_path), "annots.npy")
    for scale, fault in (("0", "must be above 0"), ("1.5", "at most 1"), ("1e-300", "leaves no pixel")):
        fails(command("evaluate", bundle, "--capture", capture, "--scale", scale), "--scale", fault)
    (tmp_path / "page.html").symlink_to(bundle)
    fails(command("evaluate", bundle, "--capture", capture, "--html", tmp_path / "page.html"), "is read by this command, too")
    for frames in ("1:1", "0:9", "x:y", "-1:2"):
        fails(command("evaluate", bundle, "--capture", capture, f"--frames={frames}"), f"--frames {frames}")
    folder = ball_capture(tmp_path / "ball", frames=6, meta="pixel_center: 0.5\n")
    fails(command("evaluate", bundle, "--capture", folder), "has no test_cameras")
    fails(command("evaluate", bundle), "--capture")


@pytest.mark.parametrize("first", ["the third", "-1", "9" * 5000, ""])
def test_a_provenance_that_names_no_frame_is_refused(run: Path, capture: Path, tmp_path: Path, first: str) -> None:
    video = read_bundle(run / "video.mlpvid")
    video.metadata.provenance["first_frame"] = first
    write_bundle(video, tmp_path / "odd.mlpvid")
    fails(command("evaluate", tmp_path / "odd.mlpvid", "--capture", capture, "--json"), "first_frame", "provenance")


@pytest.mark.parametrize("threads", ["0", "-1", "1e6", "2.5", "100000", "9" * 5000])
def test_absurd_numbers_of_threads_are_refused(threads: str, tmp_path: Path) -> None:
    fails(command("evaluate", tmp_path, "--capture", tmp_path, f"--threads={threads}"), "--threads")
    fails(command("train", "--capture", tmp_path, "--config", "tiny", "--out", tmp_path, f"--threads={threads}"), "--threads")


@pytest.mark.slow
def test_faults_of_train(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fails(command("train", "--capture", tmp_path / "none", "--config", "tiny", "--out", out), "none", "no such folder")
    fails(command("train", "--capture", capture, "--config", "huge", "--out", out), "huge", "choose one of the presets")
    fails(command("train", "--capture", capture, "--config", "tiny", "--out", out, "--steps", 0), "--steps")
    fails(command("train", "--capture", capture, "--config", "tiny", "--out", out, "--seed", -1), "--seed")
    fails(
        command("train", "--capture", capture, "--config", "tiny", "--out", out, "--seed", "x"), "--seed: 'x' must be a whole"
    )
    fails(command("train", "--config", "tiny", "--out", out), "--capture")
    assert not out.exists()
    (tmp_path / "file").write_text("")
    fails(command("train", "--capture", capture, "--config", "tiny", "--out", tmp_path / "file" / "x"), "file/x")
    folder = ball_capture(tmp_path / "ball")
    (folder / "images/03/000001.png").unlink()
    fails(command("train", "--capture", folder, "--config", "tiny", "--out", out), "images/03/000001.png", "frame 1")


def test_a_malicious_annotation_is_refused_and_not_run(tmp_path: Path) -> None:
    folder = ball_capture(tmp_path / "ball")
    evidence = tmp_path / "evidence"
    write(folder / "annots.npy", pickle.dumps(Reduced(os.system, f"touch {evidence}")))
    result = command("train", "--capture", folder, "--config", "tiny", "--out", tmp_path / "out")
    fails(result, "annots.npy", "posix.system")
    assert not evidence.exists()


def test_faults_of_export(tmp_path: Path, run: Path) -> None:
    fails(command("export", tmp_path, tmp_path / "out.mlpvid"), "not a training run")
    fails(command("export", run, tmp_path / "no" / "out.mlpvid"), "a folder that does not exist")
    assert list(tmp_path.iterdir()) == []


RUN_ALL = """
import contextlib, io, json, runpy, sys
PACKAGES = ("common", "model", "renderer", "training")
runs = []
for module, *words in json.loads(sys.argv[1]):
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    sys.argv[1:] = words
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            status = 0
        except SystemExit as leaving:
            status = leaving.code
    runs.append((module, status, out.getvalue(), errors.getvalue()))
print(json.dumps(runs))
"""
"""Does what `python -m` does, with one command after the other: to load PyTorch takes longer than all of them."""


@pytest.mark.slow
def test_each_command_has_an_entry_point(tmp_path: Path) -> None:
    commands = [["training", "evaluate", "--nonsense"], *([f"training.{name}", "--nonsense"] for name in COMMANDS)]
    every = run_python("-c", RUN_ALL, json.dumps(commands), folder=tmp_path)
    assert every.returncode == 0, every.stderr
    runs = [subprocess.CompletedProcess(*run) for run in json.loads(every.stdout)]
    assert [run.args for run in runs] == [module for module, *_ in commands]
    for run in runs:
        fails(run, "required")
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_does_not_exist_is_refused() -> None:
    fails(command("learn"), "'learn'", *COMMANDS)


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)])
def test_the_help_names_every_command(arguments: tuple[str, ...]) -> None:
    run = run_main(main, *arguments)
    assert run.returncode == 0 and all(name in run.stdout for name in COMMANDS)
