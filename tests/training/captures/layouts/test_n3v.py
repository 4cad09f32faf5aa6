"""`poses_bounds.npy` of Neural 3D Video, whose poses have LLFF's axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
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


def test_videos_are_to_be_extracted(tmp_path: Path) -> None:
    write_poses(tmp_path, record(centered=True))
    (tmp_path / "cam00.mp4").touch()
    with pytest.raises(InputError, match=r"has videos of 1 cameras.*extract them into images/cam00/000000\.png"):
        open_capture(tmp_path)
    (tmp_path / "images" / "cam00").mkdir(parents=True)
    with pytest.raises(InputError, match=r"poses_bounds\.npy: has 4 cameras, but there are 1 folders of images"):
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
