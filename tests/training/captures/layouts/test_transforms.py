"""`transforms.json` as nerfstudio and instant-ngp write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.camera import Camera
from tests.training.captures.layouts.scene import (
    Recording,
    check_capture,
    check_hostile,
    check_links,
    record,
    save,
    save_views,
)
from training.captures.opening import open_capture

SIZES = ((48, 56), (56, 48), (48, 56), (64, 64))


def pose(camera: Camera) -> list[list[float]]:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = camera.R.T @ np.diag([1.0, -1, -1]), camera.center
    return matrix.tolist()


def lens(camera: Camera) -> dict[str, float]:
    K = camera.K
    return {"fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2], "w": camera.width, "h": camera.height}


def entries(recording: Recording, ending: str = ".png", **more: Any) -> list[dict[str, Any]]:
    return [
        {"file_path": f"./images/cam{c}/{f:04d}{ending}", "transform_matrix": pose(recording.cameras[c])}
        | lens(recording.cameras[c])
        | {key: value(f, c) for key, value in more.items()}
        for f, c in recording.each()
    ]


def write(folder: Path, frames: list[dict[str, Any]], **common: Any) -> None:
    (folder / "transforms.json").write_text(json.dumps({"camera_model": "OPENCV", **common, "frames": frames}))


def test_images_with_mask_files(tmp_path: Path) -> None:
    recording = record(SIZES)
    save_views(recording, lambda f, c: f"{tmp_path}/images/cam{c}/{f:04d}.png", lambda f, c: f"{tmp_path}/masks/{c}_{f}.png")
    frames = entries(recording, mask_path=lambda f, c: f"masks/{c}_{f}.png")
    np.random.default_rng().shuffle(frames)  # type: ignore[arg-type]
    write(tmp_path, frames)
    capture = open_capture(tmp_path)
    assert capture.layout == "transforms" and capture.camera_names == ["cam0", "cam1", "cam2", "cam3"]
    check_capture(capture, recording)


@pytest.mark.parametrize("ending", [".png", ""])
def test_masks_in_the_alpha_channel_and_frames_by_time(tmp_path: Path, ending: str) -> None:
    recording = record(SIZES)
    for frame, camera in recording.each():
        save(tmp_path / "images" / f"cam{camera}" / f"{frame:04d}.png", recording.rgba[frame][camera])
    write(tmp_path, entries(recording, ending, time=lambda f, c: f / 8))
    check_capture(open_capture(tmp_path), recording)


def test_one_lens_and_field_of_view_for_all(tmp_path: Path) -> None:
    recording = record(((48, 48),) * 4, centered=True)
    for frame, camera in recording.each():
        save(tmp_path / "images" / f"cam{camera}" / f"{frame:04d}.png", recording.rgba[frame][camera])
    frames = [{key: entry[key] for key in ("file_path", "transform_matrix")} for entry in entries(recording)]
    angle = 2 * np.arctan(24 / recording.cameras[0].K[0, 0])
    write(tmp_path, frames, camera_angle_x=angle, w=48, h=48)
    check_capture(open_capture(tmp_path), recording)


def test_one_frame_with_an_image_per_camera(tmp_path: Path) -> None:
    recording = record(SIZES)
    save_views(recording, lambda f, c: f"{tmp_path}/images/{f}_{c}.png", None)
    frames = entries(recording)[:4]
    for index, entry in enumerate(frames):
        entry["file_path"] = f"images/0_{index}.png"
    write(tmp_path, frames)
    capture = open_capture(tmp_path, needs_masks=False)
    assert capture.num_frames == 1 and not capture.has_masks
    np.testing.assert_array_equal(capture.color(0, 2), recording.color(0, 2))


def test_a_moving_camera_is_refused(tmp_path: Path) -> None:
    frames = entries(record(SIZES), time=lambda f, c: f * 4 + c)[:4]
    write(tmp_path, frames)
    with pytest.raises(InputError, match=r"transforms\.json: has no frame that all cameras have; only cameras that stay"):
        open_capture(tmp_path)


def test_fisheye_and_distortion(tmp_path: Path) -> None:
    recording = record(SIZES)
    save_views(recording, lambda f, c: f"{tmp_path}/images/cam{c}/{f:04d}.png", None)
    write(tmp_path, entries(recording), camera_model="OPENCV_FISHEYE", k1=0.1, k4=0.2)
    undistortion = open_capture(tmp_path, needs_masks=False)._optics[0].undistortion
    assert undistortion.fisheye and undistortion.D.tolist() == [0.1, 0, 0, 0.2]
    write(tmp_path, entries(recording), k1=0.1, p2=0.3)
    undistortion = open_capture(tmp_path, needs_masks=False)._optics[0].undistortion
    assert not undistortion.fisheye and undistortion.D.tolist() == [0.1, 0, 0, 0.3, 0]
    write(tmp_path, entries(recording), camera_model="ORTHOPHOTO")
    with pytest.raises(InputError, match="camera_model ORTHOPHOTO is not supported"):
        open_capture(tmp_path)


def test_hostile_files(tmp_path: Path) -> None:
    recording = record(SIZES)
    save_views(recording, lambda f, c: f"{tmp_path}/images/cam{c}/{f:04d}.png", None)
    write(tmp_path, entries(recording))
    check_links(tmp_path, "transforms.json")
    check_hostile(tmp_path, ["transforms.json"])
    for path in ("/etc/passwd", "../x.png", "a\x00b"):
        write(tmp_path, [entries(recording)[0] | {"file_path": path}])
        with pytest.raises(InputError, match="outside the capture"):
            open_capture(tmp_path)
