"""Scene files: what they say is rendered, and mistakes in them are named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.bundle.info import write_bundle
from model.placement import Placement
from model.scene import Scene
from tests.command_runs import run_main
from tests.factories import make_camera, make_video
from viewer.app.files import read_video
from viewer.cli import main

PLACE = {"position": [0.4, 0, 0.5], "rotation": [0, 0, 90], "scale": 0.5, "time_offset": 0.1}


def write_scene(folder: Path, *entries: dict[str, Any], version: object = 1) -> Path:
    """Write a scene of the bundle a.mlpvid, which is beside it."""
    write_bundle(make_video(seed=3, num_frames=4), folder / "a.mlpvid")
    path = folder / "two.mlpvid-scene"
    path.write_text(json.dumps({"scene": version, "videos": list(entries)}))
    return path


def test_what_a_file_says(tmp_path: Path) -> None:
    crop = [[-1, -1, 0], [1, 0.5, 2]]
    scene = read_video(write_scene(tmp_path, {"bundle": "a.mlpvid"}, {"bundle": "a.mlpvid", **PLACE, "crop": crop}))
    assert isinstance(scene, Scene)
    first, second = scene.videos
    assert first.placement == Placement() and first.crop is None and first.video is second.video
    assert second.placement == Placement((0.4, 0, 0.5), (0, 0, 90), 0.5, 0.1) and second.crop == ((-1, -1, 0), (1, 0.5, 2))


@pytest.mark.parametrize(
    ("entries", "version", "fault"),
    [
        ([], 1, "1 to 64"),
        ([{"bundle": "a.mlpvid"}], 2, "version 2"),
        ([{"bundle": "a.mlpvid"}], "1", "is not a scene"),
        ([{"bundle": "a.mlpvid"}], 0, "version 0, which does not exist; write 1"),
        ([{"bundle": "a.mlpvid"}], -1, "version -1, which does not exist; write 1"),
        ([{"bundle": ""}], 1, "bundle: must be the name of a file"),
        ([{"bundle": "a\0"}], 1, "bundle: must be the name of a file"),
        ([{"bundle": "https://a.example/a.mlpvid"}], 1, "is on a server; a scene file can only name files: download the video"),
        ([{"bundle": "b.mlpvid"}], 1, "b.mlpvid"),
        ([{"bundle": "two.mlpvid-scene"}], 1, "name bundles only"),
        ([{"bundle": "a.mlpvid", "scale": 0}], 1, "scale"),
        ([{"bundle": "a.mlpvid", "position": [0, 0]}], 1, "position"),
        ([{"bundle": "a.mlpvid", "crop": [[0, 0, 1], [1, 1, 0]]}], 1, "crop"),
        ([{"bundle": "a.mlpvid", "size": 2}], 1, "size"),
    ],
)
def test_mistakes(tmp_path: Path, entries: list[dict[str, Any]], version: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_video(write_scene(tmp_path, *entries, version=version))


def test_the_command_line_renders_scenes(tmp_path: Path) -> None:
    scene = write_scene(tmp_path, {"bundle": "a.mlpvid"}, {"bundle": "a.mlpvid", **PLACE})
    (tmp_path / "camera.json").write_text(json.dumps(make_camera(32, 24).to_dict()))
    options = ("--camera", tmp_path / "camera.json", "--frame", 2.5)
    for name, source in (("both", scene), ("one", tmp_path / "a.mlpvid")):
        result = run_main(main, source, "--render", f"{name}.npz", *options, folder=tmp_path)
        assert result.returncode == 0, result.stderr
    both, one = (np.load(tmp_path / f"{name}.npz")["rgba"] for name in ("both", "one"))
    assert (both[..., 3] > one[..., 3] + 0.1).any(), "the copy is seen, too"
    for command in ("--info", "--verify"):
        result = run_main(main, scene, command, folder=tmp_path)
        assert result.returncode == 2 and f"is a scene, and {command} " in result.stderr


@pytest.mark.parametrize(
    ("entry", "fault"),
    [({"visible": False}, "hidden"), ({"crop": [[50, 50, 50], [51, 51, 51]]}, "crop boxes leave nothing")],
)
def test_a_scene_that_shows_nothing_is_no_black_picture(tmp_path: Path, entry: dict[str, Any], fault: str) -> None:
    scene = write_scene(tmp_path, {"bundle": "a.mlpvid", "visible": False}, {"bundle": "a.mlpvid", **entry})
    run = run_main(main, scene, "--render", tmp_path / "out.png", "--size", "8x8")
    assert run.returncode == 2 and f"{scene}: shows nothing" in run.stderr and fault in run.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("entries", "frame"),
    [
        ([{"bundle": "a.mlpvid", "crop": [[0, 0, 1], [1e-9, 1e-9, 1 + 1e-9]]}], 0),
        ([{"bundle": "a.mlpvid"}, {"bundle": "a.mlpvid", "position": [1e6, 0, 0]}], 0),
    ],
)
def test_a_picture_in_which_nothing_is_visible_says_so(tmp_path: Path, entries: list[dict[str, Any]], frame: float) -> None:
    scene = write_scene(tmp_path, *entries)
    run = run_main(main, scene, "--render", tmp_path / "out.png", "--size", "8x8", "--frame", frame)
    assert run.returncode == 0 and "note: nothing is visible in this image; try another --frame or --camera" in run.stderr
    run = run_main(main, scene, "--record", tmp_path / "out.mp4", "--size", "8x8", "--frames", "0:2")
    assert run.returncode == 0 and "2 frames written to" in run.stdout and "(nothing is visible in any of them)" in run.stdout
