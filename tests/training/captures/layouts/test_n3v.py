"""`poses_bounds.npy` of Neural 3D Video, whose poses have LLFF's axes."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from common.errors import InputError
from tests.training.captures.layouts.scene import (
    Recording,
    check_cameras,
    check_capture,
    check_hostile,
    check_links,
    record,
    save_views,
)
from training.captures.opening import open_capture

NUMBERS = (0, 1, 4, 10)  # some of the data set's cameras are missing


def write_poses(folder: Path, recording: Recording) -> None:
    rows = []
    for camera in recording.cameras:
        right, down, forward = camera.R
        pose = np.stack([down, right, -forward, camera.center, [camera.height, camera.width, camera.K[0, 0]]], axis=1)
        rows.append([*pose.ravel(), 1.0, 10.0])
    np.save(folder / "poses_bounds.npy", np.array(rows))


def test_round_trip(tmp_path: Path) -> None:
    recording = record(((48, 56), (56, 48), (48, 56), (64, 64)), centered=True)
    write_poses(tmp_path, recording)
    save_views(
        recording,
        lambda f, c: f"{tmp_path}/images/cam{NUMBERS[c]:02d}/{f:04d}.png",
        lambda f, c: f"{tmp_path}/masks/cam{NUMBERS[c]:02d}/{f:04d}.png",
    )
    capture = open_capture(tmp_path)
    assert capture.layout == "n3v" and capture.camera_names == ["cam00", "cam01", "cam04", "cam10"]
    check_capture(capture, recording)


def test_frames_in_the_folders_of_the_cameras_without_masks(tmp_path: Path) -> None:
    recording = record(((48, 56), (56, 48), (48, 56), (64, 64)), centered=True)
    write_poses(tmp_path, recording)
    save_views(recording, lambda f, c: f"{tmp_path}/cam{NUMBERS[c]:02d}/images/{f:04d}.png", None)
    check_capture(open_capture(tmp_path, needs_masks=False), recording)


def test_videos_of_the_cameras(tmp_path: Path) -> None:
    recording = record(((48, 56),) * 4, centered=True)
    write_poses(tmp_path, recording)
    for camera, number in enumerate(NUMBERS):
        with av.open(str(tmp_path / f"cam{number:02d}.mp4"), "w") as video:
            stream = video.add_stream("libx264", rate=30, options={"qp": "0"})
            stream.width, stream.height, stream.pix_fmt = 48, 56, "yuv444p"
            for frame in range(2):
                video.mux(stream.encode(av.VideoFrame.from_ndarray(recording.color(frame, camera), "rgb24")))
            video.mux(stream.encode())
    capture = open_capture(tmp_path, needs_masks=False)
    assert capture.num_frames == 2 and capture.fps == 30
    check_cameras(capture, recording)
    assert np.abs(capture.color(1, 3).astype(int) - recording.color(1, 3)).mean() < 4


def test_numbers_of_poses_and_cameras_must_agree(tmp_path: Path) -> None:
    write_poses(tmp_path, record(centered=True))
    (tmp_path / "images" / "cam00").mkdir(parents=True)
    with pytest.raises(InputError, match=r"poses_bounds\.npy: has 4 cameras, but there are 1 folders of images or videos"):
        open_capture(tmp_path)


def test_hostile_files(tmp_path: Path) -> None:
    recording = record(centered=True)
    write_poses(tmp_path, recording)
    save_views(recording, lambda f, c: f"{tmp_path}/images/cam{c:02d}/{f:04d}.png", None)
    check_links(tmp_path, "poses_bounds.npy")
    check_hostile(tmp_path, ["poses_bounds.npy"])
    np.save(tmp_path / "poses_bounds.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is not an array of 17 numbers per camera"):
        open_capture(tmp_path)
