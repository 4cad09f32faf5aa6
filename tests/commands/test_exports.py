"""The commands that write other things than one picture or one video: rigs."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.bundle.info import write_bundle
from tests.command_runs import ROOT, CommandRun, assert_fails, run_main
from tests.factories import make_video
from viewer.cli import main

RIG = ROOT / "examples" / "cameras.json"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle with three cameras of its capture."""
    path = tmp_path_factory.mktemp("bundle") / "small.mlpvid"
    write_bundle(make_video(seed=3, num_frames=3), path)
    return path


def view(*arguments: object, folder: Path) -> CommandRun:
    """Run the viewer's command in a folder, without a display, in this process."""
    return run_main(main, *arguments, folder=folder)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_all_cameras_of_a_rig(bundle: Path, tmp_path: Path) -> None:
    run = view(bundle, "--record", "out", "--rig", RIG, "--frames", "1:3", "--size", "24x18", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert names(tmp_path) == [f"out/{name}/00000{k}.png" for name in ("back", "front", "left", "right") for k in (0, 1)]
    assert "4 cameras: 2 frames written to out" in run.stdout


def test_all_cameras_of_the_capture(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    run = view(bundle, "--record", "out.mp4", "--rig", "capture", "--frames", "0:1", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert names(tmp_path) == ["out-0.mp4", "out-1.mp4", "out-2.mp4"]


def test_faults_of_rigs(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "away.json").write_text(RIG.read_text().replace('"T": [', '"T": [0, 0, -1e5], "was": ['))
    for arguments, words in (
        (("--record", "out", "--rig", "gone.json"), ("gone.json",)),
        (("--record", "out", "--rig", "away.json"), ("away.json", "no camera sees the scene")),
        (("--record", "out", "--rig", RIG, "--path", "orbit"), ("--path",)),
        (("--record", "out", "--rig", RIG, "--seconds", "2"), ("--seconds",)),
        (("--render", "a.png", "--rig", RIG), ("--rig",)),
    ):
        assert_fails(view(bundle, *arguments, folder=tmp_path), *words)
    assert names(tmp_path) == ["away.json"]
