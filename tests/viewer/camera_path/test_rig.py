"""Rig files: names of cameras, formats, faults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from model.camera import Camera
from tests.factories import make_camera
from viewer.camera_path.foreign import SceneTimes
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.camera_path.rig import MAX_CAMERAS, MAX_NAME, load_rig, name_cameras

TIMES = SceneTimes(10, 30.0)
CAMERAS = [make_camera(40, 30, azimuth=a) for a in (0.1, 1.3)]


def write(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values))
    return path


def equal(a: Camera, b: Camera) -> bool:
    return (a.width, a.height) == (b.width, b.height) and all(
        np.allclose(x, y, atol=1e-9) for x, y in ((a.K, b.K), (a.R, b.R), (a.T, b.T))
    )


@pytest.mark.parametrize("wrap", [lambda listed: listed, lambda listed: {"cameras": listed}], ids=["list", "object"])
def test_a_list_of_cameras(tmp_path: Path, wrap: object) -> None:
    listed = [{"name": "front left", **CAMERAS[0].to_dict()}, CAMERAS[1].to_dict()]
    rig = load_rig(write(tmp_path / "rig.json", wrap(listed)), TIMES)  # type: ignore[operator]
    assert [camera.name for camera in rig] == ["front_left", "1"]
    assert all(equal(a.camera, b) for a, b in zip(rig, CAMERAS, strict=True))


def test_a_single_camera_is_a_rig(tmp_path: Path) -> None:
    (found,) = load_rig(write(tmp_path / "camera.json", CAMERAS[0].to_dict()), TIMES)
    assert found.name == "0" and equal(found.camera, CAMERAS[0])


def test_the_views_of_a_camera_path(tmp_path: Path) -> None:
    CameraPath([Keyframe(k, k, camera) for k, camera in enumerate(CAMERAS)]).save(tmp_path / "path.json")
    rig = load_rig(tmp_path / "path.json", TIMES)
    assert [camera.name for camera in rig] == ["0", "1"]
    assert all(equal(a.camera, b) for a, b in zip(rig, CAMERAS, strict=True))


def test_gaussian_splatting_names_its_cameras(tmp_path: Path) -> None:
    camera = CAMERAS[0]
    view = {"width": 40, "height": 30, "fx": camera.K[0, 0], "fy": camera.K[1, 1], "img_name": "cam/07.JPG"}
    view |= {"rotation": camera.R.T.tolist(), "position": camera.center.tolist()}
    (found,) = load_rig(write(tmp_path / "cameras.json", [view]), TIMES)
    assert found.name == "cam_07"
    assert equal(found.camera, camera)


def test_colmap_names_its_cameras(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 40 30 50 51 20 15\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 2 1 b.png\n\n2 1 0 0 0 0 0 3 1 a.png\n\n")
    rig = load_rig(tmp_path / "images.txt", TIMES)
    assert [(camera.name, camera.camera.T[2]) for camera in rig] == [("a", 3.0), ("b", 2.0)]


def test_names_are_safe_for_files() -> None:
    names = ["../../etc/passwd", "a\0b", "..", "C:\\x", "ä", "x" * 300, ".hidden.mp4"]
    rig = name_cameras([(name, CAMERAS[0]) for name in names], "rig")
    assert [camera.name for camera in rig] == ["etc_passwd", "a_b", "2", "C_x", "ä", "x" * MAX_NAME, "hidden_mp4"]


def test_names_may_have_letters_of_any_script() -> None:
    names = ["камера-а", "камера-б", "左", "A\u0308", "\ud800", "左" * 300, "x\u202ey"]
    rig = name_cameras([(name, CAMERAS[0]) for name in names], "rig")
    assert [camera.name for camera in rig] == ["камера-а", "камера-б", "左", "Ä", "4", "左" * (MAX_NAME // 3), "x_y"]


def test_numbers_have_equal_length() -> None:
    assert [camera.name for camera in name_cameras([("", CAMERAS[0])] * 11, "rig")][::5] == ["00", "05", "10"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "0 cameras"),
        ({"cameras": []}, "0 cameras"),
        ([{"name": 3, **CAMERAS[0].to_dict()}], "not a text"),
        ([{"name": "a", **CAMERAS[0].to_dict()}, {"name": "A", **CAMERAS[1].to_dict()}], "two cameras have the name A"),
        ([{"name": "1", **CAMERAS[0].to_dict()}, CAMERAS[1].to_dict()], "two cameras have the name 1"),
        ([CAMERAS[0].to_dict(), {"width": 3}], "camera 1"),
        ([5], "camera 0"),
        ({"cameras": {}}, "must be a list of cameras"),
        ({}, "has no cameras"),
        ({"scene": 1}, "examples/cameras.json"),
        ({**CAMERAS[0].to_dict(), "K": None}, "camera 0: K"),
        ([CAMERAS[0].to_dict()] * (MAX_CAMERAS + 1), "1001 cameras"),
    ],
)
def test_faults_name_the_file(tmp_path: Path, values: object, words: str) -> None:
    with pytest.raises(InputError) as fault:
        load_rig(write(tmp_path / "rig.json", values), TIMES)
    assert "rig.json" in str(fault.value) and words in str(fault.value)
