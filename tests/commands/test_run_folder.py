"""The viewer's command line with the folder of a training run."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.command_runs import assert_fails, run_main
from tests.factories import make_video
from tests.viewer.runs import write_checkpoint, write_scene
from viewer.cli import main


def test_a_checkpoint_is_rendered_like_a_bundle(tmp_path: Path) -> None:
    write_scene(tmp_path / "run", make_video(num_frames=2))
    write_checkpoint(tmp_path / "run", make_video(num_frames=2), 5)
    result = run_main(main, tmp_path / "run", "--render", tmp_path / "image.png", "--size", "32x24", "--frame", "1")
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "image.png") as image:
        assert image.size == (32, 24) and image.getbbox() is not None


def test_folders_that_are_not_runs_and_runs_without_a_checkpoint_are_refused(tmp_path: Path) -> None:
    arguments = ("--render", tmp_path / "image.png", "--size", "32x24")
    (tmp_path / "photos").mkdir()
    assert_fails(run_main(main, tmp_path / "photos", *arguments), "photos", "is a folder, but not that of a training run")
    write_scene(tmp_path / "run", make_video(num_frames=2))
    assert_fails(run_main(main, tmp_path / "run", *arguments), "run", "has no checkpoint yet")
    assert not (tmp_path / "image.png").exists()
