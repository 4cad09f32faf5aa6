"""COLMAP's models as text and binary, written as its documentation describes the formats."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from common.errors import InputError
from model.camera import Camera
from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
from training.captures.layouts.colmap import LAYOUT
from training.captures.opening import open_capture

SIZES = ((48, 56), (56, 48), (48, 56), (64, 64))
MODELS = {"SIMPLE_PINHOLE": 0, "PINHOLE": 1, "SIMPLE_RADIAL": 2, "OPENCV": 4, "FULL_OPENCV": 6}


def parameters(camera: Camera, model: str) -> list[float]:
    fx, fy, cx, cy = camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]
    rest = {"PINHOLE": 0, "OPENCV": 4, "FULL_OPENCV": 8}
    return [fx, fy, cx, cy, *[0.0] * rest[model]] if model in rest else [fx, cx, cy, *[0.0] * (model == "SIMPLE_RADIAL")]


def quaternion(camera: Camera) -> list[float]:
    x, y, z, w = Rotation.from_matrix(camera.R).as_quat()
    return [w, x, y, z]


def write_text(folder: Path, recording: Recording, names: list[list[str]], model: str = "PINHOLE") -> None:
    folder.mkdir(parents=True)
    cameras, images = "# Camera list\n", "# Image list\n# two lines per image\n"
    for index, camera in enumerate(recording.cameras):
        values = " ".join(f"{value:.12g}" for value in parameters(camera, model))
        cameras += f"{index + 1} {model} {camera.width} {camera.height} {values}\n"
        for name in names[index]:
            pose = " ".join(f"{value:.12g}" for value in [*quaternion(camera), *camera.T])
            images += f"{index + 1} {pose} {index + 1} {name}\n" + ("\n" if index % 2 else "1.5 2.5 -1 3 4 17\n")
    (folder / "cameras.txt").write_text(cameras)
    (folder / "images.txt").write_text(images)


def write_binary(folder: Path, recording: Recording, names: list[list[str]], model: str = "OPENCV") -> None:
    folder.mkdir(parents=True)
    cameras = struct.pack("<Q", len(recording.cameras))
    images = struct.pack("<Q", sum(map(len, names)))
    for index, camera in enumerate(recording.cameras):
        values = parameters(camera, model)
        cameras += struct.pack("<iiQQ", index + 1, MODELS[model], camera.width, camera.height)
        cameras += struct.pack(f"<{len(values)}d", *values)
        for name in names[index]:
            images += struct.pack("<i7di", index + 1, *quaternion(camera), *camera.T, index + 1) + name.encode() + b"\0"
            images += struct.pack("<Q", index) + struct.pack("<ddq", 1.0, 2.0, -1) * index
    (folder / "cameras.bin").write_bytes(cameras)
    (folder / "images.bin").write_bytes(images)


def by_folder(folder: Path, recording: Recording) -> list[list[str]]:
    save_views(
        recording,
        lambda f, c: f"{folder}/images/cam{c}/{f:04d}.png",
        lambda f, c: f"{folder}/masks/cam{c}/{f:04d}.png.png",
    )
    return [[f"cam{c}/{f:04d}.png" for f in range(2)] for c in range(4)]


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_a_folder_of_images_per_camera(tmp_path: Path, kind: str) -> None:
    recording = record(SIZES)
    names = by_folder(tmp_path, recording)
    (write_text if kind == "text" else write_binary)(tmp_path / "sparse" / "0", recording, names)
    capture = open_capture(tmp_path)
    assert capture.layout == "colmap" and capture.camera_names == ["cam0", "cam1", "cam2", "cam3"]
    check_capture(capture, recording)


@pytest.mark.parametrize("model", ["PINHOLE", "FULL_OPENCV"])
def test_a_model_of_the_first_frame(tmp_path: Path, model: str) -> None:
    """The model has one image per camera; the frames are in folders of the same names."""
    recording = record(SIZES)
    by_folder(tmp_path, recording)
    write_text(tmp_path / "sparse", recording, [[f"cam{c}.png"] for c in range(4)], model)
    check_capture(open_capture(tmp_path), recording)


def test_one_frame(tmp_path: Path) -> None:
    recording = record(SIZES, frames=1)
    save_views(recording, lambda f, c: f"{tmp_path}/images/{c}.png", lambda f, c: f"{tmp_path}/masks/{c}.png")
    write_binary(tmp_path / "sparse" / "0", recording, [[f"{c}.png"] for c in range(4)])
    capture = open_capture(tmp_path)
    assert capture.num_frames == 1
    np.testing.assert_array_equal(capture.color(0, 3), recording.color(0, 3))


def test_fisheye_lenses(tmp_path: Path) -> None:
    recording = record(SIZES)
    names = by_folder(tmp_path, recording)
    write_text(tmp_path / "sparse", recording, names)
    lines = (tmp_path / "sparse" / "cameras.txt").read_text().replace("PINHOLE", "OPENCV_FISHEYE").splitlines()
    (tmp_path / "sparse" / "cameras.txt").write_text("\n".join([lines[0], *(f"{line} 0.1 0 0 0" for line in lines[1:])]))
    assert open_capture(tmp_path)._optics[2].undistortion.fisheye


def test_moving_cameras_are_refused(tmp_path: Path) -> None:
    recording = record(SIZES)
    write_text(tmp_path / "sparse", recording, by_folder(tmp_path, recording))
    lines = (tmp_path / "sparse" / "images.txt").read_text().splitlines()
    words = lines[4].split()  # the second image of the first camera
    words[7] = "9.5"
    (tmp_path / "sparse" / "images.txt").write_text("\n".join([*lines[:4], " ".join(words), *lines[5:]]))
    with pytest.raises(InputError, match=r"images\.txt: the camera of cam0 moves from image to image"):
        open_capture(tmp_path)


def test_unknown_lenses_are_refused(tmp_path: Path) -> None:
    recording = record(SIZES)
    write_text(tmp_path / "sparse", recording, by_folder(tmp_path, recording))
    path = tmp_path / "sparse" / "cameras.txt"
    path.write_text(path.read_text().replace(" PINHOLE", " THIN_PRISM_FISHEYE"))
    with pytest.raises(InputError, match="THIN_PRISM_FISHEYE is not supported, use colmap image_undistorter"):
        open_capture(tmp_path)


def test_hostile_files(tmp_path: Path) -> None:
    recording = record(SIZES)
    names = by_folder(tmp_path, recording)
    write_binary(tmp_path / "sparse" / "0", recording, names)
    check_links(tmp_path, "sparse/0/cameras.bin")
    check_hostile(tmp_path, ["sparse/0/cameras.bin", "sparse/0/images.bin"])
    huge = struct.pack("<Q", 1 << 62) + (tmp_path / "sparse/0/images.bin").read_bytes()[8:]
    (tmp_path / "sparse/0/images.bin").write_bytes(huge)
    with pytest.raises(InputError, match=r"images\.bin: .*cut off"):
        open_capture(tmp_path)
    write_text(tmp_path / "sparse" / "text", recording, names)
    for name in ("cameras", "images"):
        (tmp_path / "sparse" / "0" / f"{name}.bin").unlink()
        (tmp_path / "sparse" / "text" / f"{name}.txt").rename(tmp_path / "sparse" / "0" / f"{name}.txt")
    check_hostile(tmp_path, ["sparse/0/cameras.txt", "sparse/0/images.txt"])
    text = (tmp_path / "sparse/0/images.txt").read_text().replace("cam1/0001", "../../cam1")
    (tmp_path / "sparse/0/images.txt").write_text(text)
    with pytest.raises(InputError, match="outside the capture"):
        open_capture(tmp_path, LAYOUT.name)
