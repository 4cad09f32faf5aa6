"""`intri.yml` and `extri.yml`, written as EasyVolcap's documentation describes them and as OpenCV writes them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import InputError
from tests.training.captures.layouts.scene import (
    Recording,
    bend,
    check_cameras,
    check_capture,
    check_hostile,
    check_links,
    record,
    save,
    save_views,
)
from training.captures.opening import open_capture

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
SIZES = ((48, 56), (56, 48), (48, 56), (64, 64))


def matrix_text(key: str, value: NDArray[np.float64]) -> str:
    value = np.atleast_2d(value)
    data = ", ".join(f"{number:.10f}" for number in value.reshape(-1))
    return f"{key}: !!opencv-matrix\n   rows: {value.shape[0]}\n   cols: {value.shape[1]}\n   dt: d\n   data: [ {data} ]\n"


def write_cameras(folder: Path, recording: Recording, D: NDArray[np.float64], key: str = "D", sizes: bool = True) -> None:
    names = "".join(f'  - "{index:02d}"\n' for index in range(len(recording.cameras)))
    head = f"%YAML:1.0\n---\nnames:\n{names}"
    intrinsics, extrinsics = head, head
    for index, camera in enumerate(recording.cameras):
        name = f"{index:02d}"
        intrinsics += matrix_text(f"K_{name}", camera.K - HALF) + matrix_text(f"{key}_{name}", D)
        intrinsics += f"H_{name}: {camera.height:.10f}\nW_{name}: {camera.width:.10f}\n" if sizes else ""
        vector = np.asarray(cv2.Rodrigues(camera.R)[0], dtype=np.float64)
        extrinsics += matrix_text(f"R_{name}", vector) + matrix_text(f"T_{name}", camera.T.reshape(3, 1))
        extrinsics += matrix_text(f"Rot_{name}", camera.R) if index % 2 else ""
    (folder / "intri.yml").write_text(intrinsics)
    (folder / "extri.yml").write_text(extrinsics)


def write(folder: Path, recording: Recording) -> None:
    write_cameras(folder, recording, np.zeros((5, 1)))
    save_views(
        recording,
        lambda f, c: f"{folder}/images/{c:02d}/{f + 7:06d}.png",
        lambda f, c: f"{folder}/masks/{c:02d}/{f + 7:06d}.png",
    )


def test_round_trip_with_cameras_of_different_sizes(tmp_path: Path) -> None:
    write(tmp_path, record(SIZES))
    capture = open_capture(tmp_path)
    assert capture.layout == "easymocap" and capture.frame_name(0) == "7"
    check_capture(capture, record(SIZES))


def test_what_opencv_itself_writes(tmp_path: Path) -> None:
    recording = record(SIZES)
    write(tmp_path, recording)
    for name in ("intri.yml", "extri.yml"):
        written = cv2.FileStorage(str(tmp_path / name), cv2.FILE_STORAGE_WRITE)
        written.startWriteStruct("names", cv2.FileNode_SEQ)
        for index in range(4):
            written.write("", f"{index:02d}")
        written.endWriteStruct()
        for index, camera in enumerate(recording.cameras):
            if name == "intri.yml":
                written.write(f"K_{index:02d}", camera.K - HALF)
                written.write(f"dist_{index:02d}", np.zeros((1, 5)))
            else:
                written.write(f"Rot_{index:02d}", camera.R)
                written.write(f"T_{index:02d}", camera.T.reshape(3, 1))
        written.release()
    check_capture(open_capture(tmp_path), recording)


@pytest.mark.parametrize("fisheye", [False, True])
def test_distorted_images(tmp_path: Path, fisheye: bool) -> None:
    recording = record(SIZES)
    D = np.array([-0.3, -0.05, 0.02, -0.01]) if fisheye else np.array([-0.3, 0.03, 0.002, -0.001, 0.01])
    write(tmp_path, recording)
    write_cameras(tmp_path, recording, D.reshape(-1, 1), "rdist" if fisheye else "D")
    y, x = np.mgrid[:48, :56]
    smooth = np.stack([127 + 100 * np.sin(x / 9 + k) * np.cos(y / 8) for k in range(3)], axis=-1).astype(np.uint8)
    bent = bend(smooth, recording.cameras[1], D, fisheye)
    save(tmp_path / "images" / "01" / "000007.png", bent)
    capture = open_capture(tmp_path)
    check_cameras(capture, recording)
    crop = (slice(8, -8), slice(8, -8))  # what the distorted image does not show is black
    truth, restored, distorted = (image[crop].astype(float) for image in (smooth, capture.color(0, 1), bent))
    assert np.abs(truth - restored).max() <= 4 and np.abs(truth - distorted).max() > 12


def test_images_of_half_the_size_that_was_calibrated(tmp_path: Path) -> None:
    recording = record(SIZES)
    write(tmp_path, recording)
    for frame, camera in recording.each():
        half = recording.color(frame, camera)[::2, ::2], recording.mask(frame, camera)[::2, ::2]
        for kind, pixels in zip(("images", "masks"), half, strict=True):
            save(tmp_path / kind / f"{camera:02d}" / f"{frame + 7:06d}.png", np.ascontiguousarray(pixels))
    for found, expected in zip(open_capture(tmp_path).cameras, recording.cameras, strict=True):
        np.testing.assert_allclose(found.K, expected.resized(expected.width // 2, expected.height // 2).K, atol=1e-5)


def test_frames_that_a_camera_lacks_are_left_out(tmp_path: Path) -> None:
    recording = record(SIZES)
    write(tmp_path, recording)
    (tmp_path / "masks" / "02" / "000007.png").unlink()
    capture = open_capture(tmp_path)
    assert capture.num_frames == 1 and capture.frame_name(0) == "8"
    assert capture.notes == ["1 of 2 frames are left out, because not all cameras have images and masks: see 02"]
    (tmp_path / "masks" / "02" / "000008.png").unlink()
    with pytest.raises(InputError, match="has no masks of camera 02"):
        open_capture(tmp_path)


def test_a_damaged_video_is_refused(tmp_path: Path) -> None:
    write_cameras(tmp_path, record(SIZES), np.zeros(5))
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "00.mp4").touch()
    with pytest.raises(InputError, match=r"00\.mp4: cannot be read as a video"):
        open_capture(tmp_path)


@pytest.mark.slow
def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record(SIZES))
    check_links(tmp_path, "extri.yml")
    check_hostile(tmp_path, ["intri.yml", "extri.yml"], runs=12)
    for text in (
        'K_00: !!python/object/apply:os.system ["touch x"]',
        "a: &a [1, 2]\nb: !!opencv-matrix {data: *a}",
        "[" * 9000,
    ):
        (tmp_path / "intri.yml").write_text(text)
        with pytest.raises(InputError, match=r"intri\.yml"):
            open_capture(tmp_path)
    shared = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    shared += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    (tmp_path / "intri.yml").write_text(f"{shared}names: [a]\nK_a: {{data: *a39}}\n")  # 9^40 numbers when written out
    with pytest.raises(InputError, match=r"intri\.yml: is not a calibration of camera a"):
        open_capture(tmp_path)
