"""ActorsHQ's `calibration.csv`, folders of scales, and boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
from training.captures.boxes import frame_box
from training.captures.opening import open_capture

SIZES = ((48, 64), (64, 48), (48, 64), (64, 48))


def write(folder: Path, recording: Recording, scale: int = 1) -> None:
    text = "name,w,h,rx,ry,rz,tx,ty,tz,fx,fy,px,py\n"
    for index, camera in enumerate(recording.cameras):
        width, height, K = camera.width, camera.height, camera.K
        turn = np.asarray(cv2.Rodrigues(camera.R.T)[0]).ravel()  # camera to world
        lens = (K[0, 0] / width, K[1, 1] / height, K[0, 2] / width, K[1, 2] / height)
        numbers = ",".join(f"{value:.12g}" for value in (*turn, *camera.center, *lens))
        text += f"Cam{index + 1:03d},{scale * width},{scale * height},{numbers}\n"
    (folder / "4x").mkdir(parents=True)
    (folder / "4x" / "calibration.csv").write_text(text)
    save_views(
        recording,
        lambda f, c: f"{folder}/4x/rgbs/Cam{c + 1:03d}/Cam{c + 1:03d}_rgb{f:06d}.png",
        lambda f, c: f"{folder}/4x/masks/Cam{c + 1:03d}/Cam{c + 1:03d}_mask{f:06d}.png",
    )
    boxes = [np.concatenate([points.min(0), points.max(0)]) for points in recording.vertices]
    rows = [f"{frame}," + ",".join(f"{value:.9g}" for value in box) for frame, box in enumerate(boxes)]
    head = "frame_number,aabb_min_x,aabb_min_y,aabb_min_z,aabb_max_x,aabb_max_y,aabb_max_z"
    (folder / "aabbs.csv").write_text("\n".join([head, *rows]) + "\n")


def test_round_trip_with_two_orientations_and_boxes(tmp_path: Path) -> None:
    recording = record(SIZES)
    write(tmp_path, recording)
    capture = open_capture(tmp_path)
    assert capture.layout == "actorshq" and capture.up == (0, 1, 0) and capture.fps == 25
    check_capture(capture, recording)
    points = recording.vertices[1]
    np.testing.assert_allclose(frame_box(capture, 1), [points.min(0) - 0.05, points.max(0) + 0.05], atol=1e-6)


def test_a_scale_alone_and_a_calibration_of_the_full_size(tmp_path: Path) -> None:
    write(tmp_path, record(SIZES), scale=4)
    check_capture(open_capture(tmp_path / "4x"), record(SIZES))


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record(SIZES))
    check_links(tmp_path, "4x/calibration.csv")
    check_hostile(tmp_path, ["4x/calibration.csv", "aabbs.csv"])
