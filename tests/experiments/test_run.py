"""`python -m experiments.run` from the plan to the page, with an interruption."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from common.yaml_documents import dump_yaml
from experiments import jobs
from experiments.plan import Plan, capture_subject, make_plan
from experiments.plan_file import keep_plan
from experiments.provenance import describe_commit, read_provenance
from experiments.reuse import take_result
from experiments.run import main
from experiments.table import read_table
from model.bundle.read import read_bundle
from model.occupancy import unpack_occupancy
from tests.training.scenes import ball_capture
from training.config import ValidationConfig, load_config

TABLE = """
title: A small table
source: Made for a test.
rows:
  - {name: complete, label: Complete, paper: {psnr: 30.0, milliseconds: 24, megabytes: 242}}
  - {name: shared, label: Single MLP, paper: {psnr: 29.0, milliseconds: 90, megabytes: 133}}
  - {name: again, label: Every cell, every_cell: true}
"""
COMPLETE = "base: tiny\ndata: {hull_resolution: 16}\nrays: {rays_per_frame: 16}\nmodel: {occupancy: {subgrid: 1}}\n"
SHARED = "base: complete.yaml\nmodel: {method: {kind: shared_mlp, mlp: {width: 8, depth: 2, skip: 0, view_width: 4}}}\n"


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the tables and configs by a small table."""
    folder = tmp_path / "tables_and_configs"
    files = {"tables/mini": TABLE, "configs/small/complete": COMPLETE, "configs/small/shared": SHARED}
    for name, text in (files | {"configs/small/again": COMPLETE}).items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr("experiments.table.FOLDER", folder)


def steps_of(log: Path) -> list[int]:
    return [entry["step"] for line in log.read_text().splitlines() if "step" in (entry := json.loads(line))]


@pytest.mark.usefixtures("tables")
@pytest.mark.slow
def test_a_table_is_run_interrupted_and_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture, out = ball_capture(tmp_path / "ball", frames=2, size=24), tmp_path / "out"
    command = ["mini", "--capture", str(capture), "--steps", "4", "--out", str(out), "--threads", "1"]
    trained = []

    def train(arguments: argparse.Namespace) -> int:
        """Stop the second training after two of four steps, as Ctrl-C would."""
        trained.append(arguments.out.parent.name)
        if len(trained) != 2:
            return real(arguments)
        arguments.steps = 2
        assert real(arguments) == 0
        (arguments.out / "video.mlpvid").unlink()
        return 130

    real = jobs.train
    monkeypatch.setattr(jobs, "train", train)
    assert main(command) == 130
    assert "the same command continues" in capsys.readouterr().err
    first = out / "ball" / "complete" / "result.json"
    before = first.stat().st_mtime_ns
    assert not (out / "experiments.md").exists()
    assert main(command) == 0
    assert trained == ["complete", "shared", "shared"] and first.stat().st_mtime_ns == before
    assert steps_of(out / "ball" / "shared" / "run" / "log.jsonl")[-1] == 4
    assert len(list((out / "ball").glob("scene_*"))) == 1  # carved once for all rows
    check_page(out)
    assert main([*command[:-1], "2"]) == 0 and len(trained) == 3  # nothing is left to do
    assert main([*command, "--seed", "1"]) == 2
    assert "has results of a plan with other seed" in capsys.readouterr().err


@pytest.mark.usefixtures("tables")
@pytest.mark.slow
def test_rows_with_the_same_settings_are_taken_from_another_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, capture = tmp_path / "tables_and_configs", ball_capture(tmp_path / "ball", frames=2, size=24)
    rows = "rows: [{name: other, label: Other}, {name: complete, label: The same}]\n"
    (folder / "tables" / "second.yaml").write_text("title: Another\nsource: Made for a test.\n" + rows)
    (folder / "configs" / "small" / "other.yaml").write_text("base: complete.yaml\nloss: {mask: 0.0}\n")
    options = ["--capture", str(capture), "--steps", "4", "--threads", "1"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["mini", *options, "--out", str(first)]) == 0
    (first / "provenance.yaml").write_text("runs: [{commit: an earlier one, machine: a computer}]\n")
    capsys.readouterr()
    assert main(["second", *options, "--out", str(second), "--reuse", str(first)]) == 0
    messages = capsys.readouterr().err
    assert "ball/other begins" in messages and f"ball/complete is taken from {first}" in messages
    assert not (second / "ball" / "complete" / "run").exists()
    for name in ("result.json", "rendered.png", "truth.png"):
        assert (second / "ball" / "complete" / name).read_bytes() == (first / "ball" / "complete" / name).read_bytes()
    assert {"an earlier one", describe_commit()} == {one.commit for one in read_provenance(second)}


@pytest.mark.usefixtures("tables")
def test_rows_of_other_conditions_are_not_taken(tmp_path: Path) -> None:
    capture = ball_capture(tmp_path / "ball", frames=2, size=16)
    subject, table, first = capture_subject(capture, None, None), read_table("mini"), tmp_path / "first"

    def plan(hours: float | None = 0.5, steps: int | None = None, seed: int = 0, clock: bool = False) -> Plan:
        return make_plan("mini", table, "small", [subject], hours, steps, seed, None, clock)

    keep_plan(plan(), first)
    finished = first / "ball" / "complete"
    (finished / "run").mkdir(parents=True)
    for name in ("result.json", "rendered.png", "truth.png"):
        (finished / name).write_text(name)
    settings = load_config(str(tmp_path / "tables_and_configs" / "configs" / "small" / "complete.yaml"))
    settings = dataclasses.replace(settings, minutes=12.0, validation=ValidationConfig(every=0.0))
    (finished / "run" / "config.yaml").write_text(dump_yaml(settings.to_dict()))

    def taken(wanted: Plan, row: int) -> bool:
        return take_result(wanted, wanted.jobs[row], tmp_path / "out", [first]) == first

    assert taken(plan(), 0) and (tmp_path / "out" / "ball" / "complete" / "result.json").read_text() == "result.json"
    assert not taken(plan(), 1)  # another config
    assert not taken(plan(), 2)  # the same config, but every cell is rendered
    assert not any(taken(other, 0) for other in (plan(0.6), plan(None, 9), plan(seed=1), plan(clock=True)))
    changed = dataclasses.replace(subject, frames=range(1))
    assert not taken(make_plan("mini", table, "small", [changed], 0.5, None), 0)


@pytest.mark.usefixtures("tables")
@pytest.mark.slow
def test_only_some_rows_are_run_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture, out = ball_capture(tmp_path / "ball", frames=2, size=24), tmp_path / "out"
    command = ["mini", "--capture", str(capture), "--steps", "2", "--threads", "1", "--out", str(out)]
    assert main([*command, "--rows", "again"]) == 0
    assert "1 of 1: ball/again begins" in capsys.readouterr().err
    assert [path.parent.name for path in out.glob("ball/*/result.json")] == ["again"]
    assert "- Not finished: Complete; Single MLP." in (out / "experiments.md").read_text()


def check_page(out: Path) -> None:
    """Check the page of the small table, its images and its numbers."""
    page = (out / "experiments.md").read_text()
    results = {name: json.loads((out / "ball" / name / "result.json").read_text()) for name in ("complete", "shared", "again")}
    for label, name, paper in (
        ("Complete", "complete", "30.00"),
        ("Single MLP", "shared", "29.00"),
        ("Every cell", "again", "-"),
    ):
        psnr = f"{results[name]['scores']['psnr']:.2f}"
        assert any(f"| {label} | 4 steps" in line and psnr in line and f"| {paper} |" in line for line in page.splitlines())
    for name, every in (("complete/run/video", False), ("again/every_cell", True)):
        video = read_bundle(out / "ball" / f"{name}.mlpvid")
        assert unpack_occupancy(video.occupancy, video.config.occupancy.resolution).all() == every
    assert results["shared"]["best"]["backend"] == results["shared"]["reference"]["backend"] == "reference"
    assert results["complete"]["reference"]["backend"] == "reference"
    # 90 / 24 and 133 / 242 in the paper.
    assert any(
        line.startswith("| Single MLP | worse (-1.00 dB), ") and "| higher (3.75 x), " in line and "| lower (0.55 x), " in line
        for line in page.splitlines()
    )
    assert not any(result["empty"] for result in results.values()) and "are black" not in page
    tables = [part.splitlines() for part in re.split(r"\n\n", page) if part.startswith("| ")]
    assert len(tables) == 3 and all(len({line.count("|") for line in table}) == 1 for table in tables)
    assert f"- Commit: {describe_commit()}." in page and "- Machine: " in page and "not recorded" not in page
    assert "`python -m experiments.run mini --capture ball --frames 0:2:1 --steps 4`" in page
    with Image.open(out / "images" / "experiments_mini_small_ball_pictures.png") as image:
        assert image.width > image.height > 50
    assert "<svg" in (out / "images" / "experiments_mini_small_ball_tradeoffs.svg").read_text()[:2000]
    truth = Image.open(out / "ball" / "complete" / "truth.png")
    assert truth.size == (24, 24) and truth.getpixel((12, 12)) != (0, 0, 0)


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["unknown", "--capture", "x", "--steps", "1"], "table unknown: is unknown; choose one of mini"),
        (["mini", "--data", "x", "--steps", "1"], "--data: cannot be used with mini"),
        (["mini", "--capture", "x", "--sequences", "a"], "--sequences: applies only with --data"),
        (["mini", "--capture", "x", "--recipe", "nhr"], "--recipe: applies only with --data"),
        (["mini", "--data", "x", "--recipe", "../nhr", "--steps", "1"], "recipe ../nhr: is unknown; choose one of fast"),
        (["mini", "--capture", "CAPTURE"], "--budget: is missing"),
        (
            ["mini", "--capture", "CAPTURE", "--steps", "1", "--rows", "again,x"],
            "--rows: has no row 'x'; choose from complete, ",
        ),
        (["mini", "--capture", "CAPTURE", "--budget", "soon"], "--budget soon: is not a time"),
    ],
)
def test_wrong_options(tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    capture = str(ball_capture(tmp_path / "ball", size=16)) if "CAPTURE" in options else "x"
    assert main([capture if option == "CAPTURE" else option for option in options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("tables")
def test_only_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["mini", "--capture", str(ball_capture(tmp_path / "ball", size=16)), "--budget", "1h", "--plan"]) == 0
    assert "2 runs of 24 minutes, on ball" in capsys.readouterr().out  # 0.8 of 60 minutes, two ways
    assert main(["mini", "--capture", str(tmp_path / "ball"), "--budget", "1h", "--processor-time", "--plan"]) == 0
    assert "2 runs of 24 minutes of processor time, on ball" in capsys.readouterr().out
    assert main(["mini", "--capture", str(tmp_path / "ball"), "--steps", "5", "--processor-time", "--plan"]) == 0
    assert "2 runs of 5 steps, on ball" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
