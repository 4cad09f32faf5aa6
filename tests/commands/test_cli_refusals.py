"""What the command line refuses: one line names what is wrong, and no file is left."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from model.bundle.info import read_bundle
from tests.command_runs import ROOT, assert_fails, run_python
from tests.commands.view import view


def test_a_background_that_cannot_be_read(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    for option, name, word in (("--panorama", "none.png", "no such file"), ("--background", "bad.jpg", "cannot be read")):
        for command, output in (("--render", "a.png"), ("--record", "frames")):
            result = view(bundle, command, output, option, name, "--size", "16x16", folder=tmp_path)
            assert_fails(result, name, word)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jpg"]


def test_window_option_fails_without_a_display(bundle: Path, tmp_path: Path) -> None:
    assert_fails(view(bundle, "--window", folder=tmp_path), "--window", "no display")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--nonsense",), ("--nonsense",)),
        (("--backend", "quantum"), ("--backend",)),
        (("--size", "512"), ("--size", "512")),
        (("--size", "0x9"), ("--size",)),
        (("--render", "a.gif"), ("a.gif", ".png")),
        (("--render", "a.png", "--record", "b.mp4"), ("--record",)),
        (("--render", "a.png", "--frame", "nan"), ("--frame",)),
        (("--render", "a.png", "--background", "red"), ("--background",)),
        (("--render", "a.png", "--background", "1,0,0", "--transparent"), ("--transparent",)),
        (("--render", "a.png", "--panorama", "b.png", "--transparent"), ("--transparent", "--panorama")),
        (("--render", "a.png", "--panorama", "b.png", "--background", "1,0,0"), ("--background", "--panorama")),
        (("--info", "--shadow"), ("--shadow",)),
        (("--info", "--transparent"), ("--transparent",)),
        (("--record", "a.mp4", "--frames", "5"), ("--frames",)),
        (("--record", "a.mp4", "--frames", "3:2"), ("--frames",)),
        (("--record", "a.mp4", "--fps", "0"), ("--fps",)),
        (("--benchmark", "--frames", "0"), ("--frames",)),
        (("--path", "orbit"), ("--path",)),
        (("--record", "a.mp4", "--frames", "9" * 5000 + ":"), ("--frames",)),
        (("--record", "a.mp4", "--frames", ":" + "9" * 5000), ("--frames",)),
        (("--benchmark", "--frames", "9" * 5000), ("--frames",)),
        (("--size", "9" * 5000 + "x1"), ("--size",)),
        (("--info", "--threads", "0"), ("--threads",)),
        (("--info", "--threads", "100000"), ("--threads",)),
        (("--record", "a.mp4", "--frame", "2"), ("--frame ", "--frames")),
        (("--benchmark", "--frame", "2"), ("--frame ",)),
        (("--info", "--frame", "0"), ("--frame ",)),
        (("--info", "--size", "3x3"), ("--size",)),
        (("--selftest", "--frame", "0"), ("--frame ",)),
        (("--record", "a.mp4", "--size", "-2x4"), ("--size: expected one argument; write --size=-2x4 if that is its value",)),
        (("--record", "a.mp4", "--view", "depth", "--range", "-5,-1"), ("write --range=-5,-1",)),
        (("--render", "a\0b.png"), ("contains a null character",)),
    ],
)
def test_bad_usage(bundle: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert_fails(view(bundle, *arguments, folder=tmp_path), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frame", ["-1", "3.5", "1e9"])
def test_frame_out_of_range(bundle: Path, tmp_path: Path, frame: str) -> None:
    assert_fails(view(bundle, "--render", "a.png", f"--frame={frame}", folder=tmp_path), "frame", "0 to 3")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "JSON"),
        ("[]", "JSON object"),
        ('{"width": 10, "height": 10}', "K"),
        ('{"width": 10, "height": 10, "K": [[1]], "R": [[1]], "T": [0]}', "K"),
        ('{"width": 1e9, "height": 10, "K": 1, "R": 1, "T": 1}', "whole"),
    ],
)
def test_malformed_camera(bundle: Path, tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    assert_fails(view(bundle, "--render", "a.png", "--camera", "bad.json", folder=tmp_path), "bad.json", word)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.slow
def test_missing_bundle_in_a_process_of_its_own(tmp_path: Path) -> None:
    program = ROOT / "run_viewer.py"
    assert_fails(run_python(program, "gone.mlpvid", "--render", "a.png", folder=tmp_path), "gone.mlpvid")
    assert_fails(run_python(program, "--nonsense", folder=tmp_path), "--nonsense")


def test_missing_files(bundle: Path, tmp_path: Path) -> None:
    for command in (("--render", "a.png"), ("--record", "a.mp4"), ("--info",), ("--benchmark",), ()):
        assert_fails(view("gone.mlpvid", *command, folder=tmp_path), "gone.mlpvid")
    assert_fails(view(bundle, "--render", "a.png", "--camera", "gone.json", folder=tmp_path), "gone.json")
    assert_fails(view(bundle, "--record", "a.mp4", "--path", "gone.json", folder=tmp_path), "gone.json")
    assert_fails(view(bundle, "--config", "gone.yaml", folder=tmp_path), "gone.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", [("--render", "a.png"), ("--record", "a.mp4"), ("--info",), ("--benchmark",), ("--selftest",), ()]
)
def test_a_config_that_cannot_be_read_is_a_fault_of_every_command(
    bundle: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert_fails(view(bundle, *command, "--config", "gone.yaml", folder=tmp_path), "gone.yaml", "no such file")
    assert_fails(view(bundle, *command, "--config", ".", folder=tmp_path), ".")
    (tmp_path / "bad.yaml").write_text("window: {theme: pink}")
    assert_fails(view(bundle, *command, "--config", "bad.yaml", folder=tmp_path), "bad.yaml", "theme")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_damaged_bundles(bundle: Path, tmp_path: Path) -> None:
    data = bundle.read_bytes()
    contents = {"empty": b"", "truncated": data[: len(data) // 2], "foreign": b"\x89PNG" + data[:100]}
    for name, content in contents.items():
        (tmp_path / f"{name}.mlpvid").write_bytes(content)
        assert_fails(view(f"{name}.mlpvid", "--render", "a.png", folder=tmp_path), f"{name}.mlpvid")
    flipped = bytearray(data)
    flipped[-10] ^= 1
    (tmp_path / "flipped.mlpvid").write_bytes(bytes(flipped))
    assert_fails(view("flipped.mlpvid", "--info", folder=tmp_path), "flipped.mlpvid", "checksum")
    assert not (tmp_path / "a.png").exists()


def test_unwritable_output(bundle: Path, tmp_path: Path) -> None:
    assert_fails(view(bundle, "--render", "gone/a.png", "--size", "8x8", folder=tmp_path), "gone")
    (tmp_path / "folder.png").mkdir()
    assert_fails(view(bundle, "--render", "folder.png", "--size", "8x8", folder=tmp_path), "folder.png")
    assert_fails(view(bundle, "--record", "gone/a.mp4", "--size", "32x32", folder=tmp_path), "gone")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.png").write_bytes(b"")
    assert_fails(view(bundle, "--record", "full", "--size", "32x32", folder=tmp_path), "full", "empty")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.png", "full"]


def test_bad_config(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("window: {theme: pink}")
    assert_fails(view(bundle, "--config", "bad.yaml", folder=tmp_path), "bad.yaml", "theme")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    result = view("gone.mlpvid", "--info", "--debug", folder=tmp_path)
    assert result.returncode == 2 and "Traceback" in result.stderr


READ_TOO = {
    "panorama": (("--render", "a.png", "--panorama", "b.png"), "a.png"),
    "background": (("--record", "a.mp4", "--background", "b.png"), "a.mp4"),
    "camera": (("--render", "a.npz", "--camera", "b.png"), "a.npz"),
    "path": (("--export-path", "a.json", "--path", "b.png"), "a.json"),
    "rig": (("--record", "a.webm", "--rig", "b.png"), "a.webm"),
    "bundle": (("--mesh", "a.ply"), "a.ply"),
}


@pytest.mark.parametrize(("arguments", "output"), READ_TOO.values(), ids=list(READ_TOO))
def test_an_output_that_is_read_too_is_refused(bundle: Path, tmp_path: Path, arguments: tuple[str, ...], output: str) -> None:
    (tmp_path / "b.png").write_bytes(bundle.read_bytes())
    (tmp_path / output).symlink_to("b.png")  # the same file under another name
    result = view("b.png" if output == "a.ply" else bundle, *arguments, folder=tmp_path)
    assert_fails(result, output, "is read by this command, too")
    assert (tmp_path / "b.png").read_bytes() == bundle.read_bytes()


UNSEEING: dict[str, tuple[dict[str, object], str]] = {
    "behind": ({"T": [0.0, 0.0, -4.0]}, "the scene is 4 m behind this camera"),
    "millimeters": ({"T": [0.0, 0.0, 4000.0]}, "4e+03 m away and smaller than a pixel"),
    "beside": ({"T": [40.0, 0.0, 4.0]}, "the scene is 4 m away, outside"),
    "transposed": ({"K": [[40, 0, 0], [0, 40, 0], [16, 16, 1]]}, "transpose it"),
    "mirrored": ({"K": [[40, 0, 16], [0, 40, 16], [0, 0, -1]]}, "last row 0, 0, 1"),
    "skewed": ({"K": [[40, 1e30, 16], [0, 40, 16], [0, 0, 1]]}, "skew"),
    "skewed along y": ({"K": [[40, 0, 16], [-41, 40, 16], [0, 0, 1]]}, "skew"),
    "negative focal length": ({"K": [[-40, 0, 16], [0, -40, 16], [0, 0, 1]]}, "focal length"),
}


@pytest.mark.parametrize(("change", "fault"), UNSEEING.values(), ids=list(UNSEEING))
def test_cameras_that_see_nothing_are_explained(bundle: Path, tmp_path: Path, change: dict[str, object], fault: str) -> None:
    camera = {"width": 32, "height": 32, "K": [[40, 0, 16], [0, 40, 16], [0, 0, 1]], "R": np.eye(3).tolist(), "T": [0, 0, 4]}
    center = read_bundle(bundle).box_and_occupancy(0.0)[0].mean(axis=0)
    shift = np.asarray(change.get("T", camera["T"])) - center
    (tmp_path / "cam.json").write_text(json.dumps(camera | change | {"T": shift.tolist()}))
    result = view(bundle, "--render", "a.png", "--camera", "cam.json", "--backend", "reference", folder=tmp_path)
    assert_fails(result, "cam.json", fault)
    keyframe = {"time": 0, "frame": 0, "camera": camera | change | {"T": shift.tolist()}}
    (tmp_path / "path.json").write_text(json.dumps({"keyframes": [keyframe]}))
    assert_fails(view(bundle, "--record", "out", "--path", "path.json", folder=tmp_path), "path.json", fault)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cam.json", "path.json"]


@pytest.mark.parametrize("command", [("--render", "a.png"), ("--record", "a.mp4"), ("--record", "out"), ("--benchmark",)])
def test_images_beyond_the_memory_are_refused_before_they_are_rendered(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("common.memory.available_memory", lambda: 1_000_000_000)
    monkeypatch.setattr("renderer.select.create_renderer", lambda *_: pytest.fail("a renderer was started"))
    result = view(bundle, *command, "--size", "16384x16384", folder=tmp_path)
    assert_fails(result, "size 16384x16384: needs about", "only 1.0 GB are available; use a smaller")
    assert not list(tmp_path.iterdir())


def test_a_frame_that_a_camera_path_asks_for_in_vain_is_a_fault_of_its_file(
    bundle: Path, camera_file: Path, tmp_path: Path
) -> None:
    camera = json.loads(camera_file.read_text())
    path = tmp_path / "path.json"
    path.write_text(json.dumps({"keyframes": [{"time": 0, "frame": 99, "camera": camera}]}))
    for command in (("--record", "a.mp4"), ("--export-path", "a.glb")):
        assert_fails(
            view(bundle, *command, "--path", path, folder=tmp_path), "path.json: keyframe 0 shows frame 99; this video"
        )
    assert os.listdir(tmp_path) == ["path.json"]
