"""A file that cannot be written is refused before the work begins: here before the missing inputs are noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_runs import assert_fails, run_main
from tests.commands.view import view
from tests.training.scenes import ball_capture
from training import evaluate, export, import_release, inspect, train, train_segments


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (evaluate.main, ("gone.mlpvid", "--capture", "gone", "--html")),
        (inspect.main, ("gone", "--html")),
        (export.main, ("gone",)),
        (import_release.main, ("gone.pth", "--annots", "gone.npy", "--vertices", "gone", "--out")),
        (export.main, ("gone", "--target-size", "3MB")),
    ],
)
def test_outputs_are_checked_first(main: Callable[[list[str]], int], arguments: tuple[str, ...], tmp_path: Path) -> None:
    *options, last = arguments
    assert_fails(run_main(main, *options, last, "none/a", folder=tmp_path), "none/a", "folder that does not exist")
    assert_fails(run_main(main, *options, last, tmp_path, folder=tmp_path), str(tmp_path), "is a folder")
    if os.name == "posix":
        (tmp_path / "circle").symlink_to("circle")
        assert_fails(run_main(main, *options, last, "circle", folder=tmp_path), "circle: is a link that leads in a circle")


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--render", "a.png"),
        ("--render", "a.npz"),
        ("--record", "a.mp4"),
        ("--record", "a.webm"),
        ("--record", "a"),
        ("--record", "a.mp4", "--rig", "capture"),
        ("--record", "a", "--rig", "capture"),
        ("--mesh", "a.ply"),
        ("--mesh", "a.glb", "--frames", "0:1"),
        ("--export-path", "a.glb"),
    ],
)
def test_links_in_a_circle_are_refused_and_stay(arguments: tuple[str, ...], bundle: Path, tmp_path: Path) -> None:
    name = "a-0.mp4" if "--rig" in arguments and arguments[1] == "a.mp4" else arguments[1]
    (tmp_path / name).symlink_to(name)
    run = view(bundle, *arguments, folder=tmp_path)
    assert_fails(run, f"{name}: is a link that leads in a circle; remove it, or choose another name")
    assert [(path.name, os.readlink(path)) for path in tmp_path.iterdir()] == [(name, name)]


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
@pytest.mark.parametrize(
    ("main", "options"), [(train.main, ()), (train_segments.main, ("--segment-frames", "3", "--overlap", "1"))]
)
def test_trainings_refuse_links_that_lead_nowhere(
    main: Callable[[list[str]], int], options: tuple[str, ...], tmp_path: Path
) -> None:
    ball_capture(tmp_path / "capture", frames=4)
    for name, target, words in (("circle", "circle", "in a circle"), ("link", "gone", "to a folder that does not exist")):
        (tmp_path / name).symlink_to(target)
        common = ("--capture", "capture", "--config", "tiny", "--out", name, "--no-check")
        run = run_main(main, *common, *options, folder=tmp_path)
        assert_fails(run, f"{name}: is a link", words)
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("size", ["9" * 400 + "MB", "99999PB", "0.1B"])
def test_absurd_sizes_are_one_line(size: str) -> None:
    run = run_main(export.main, "gone", "a.mlpvid", "--target-size", size)
    assert_fails(run, "is not a size")
    assert len(run.stderr) < 320
