"""Panoptic Studio's calibration in centimeters, with -y up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
from training.captures.opening import open_capture

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def write(folder: Path, recording: Recording) -> None:
    cameras = [{"name": "01_01", "type": "vga", "resolution": [640, 480]}]
    for index, camera in enumerate(recording.cameras):
        described = {
            "name": f"00_{index:02d}",
            "type": "hd",
            "resolution": [camera.width, camera.height],
            "K": (camera.K - HALF).tolist(),
            "distCoef": [0.0] * 5,
            "R": camera.R.tolist(),
            "t": (100 * camera.T.reshape(3, 1)).tolist(),
        }
        cameras.append(described)
    cameras.append(cameras[-1] | {"name": "00_09"})  # a camera without images
    (folder / "calibration_sample.json").write_text(json.dumps({"calibDataSource": "sample", "cameras": cameras}))
    save_views(
        recording,
        lambda f, c: f"{folder}/hdImgs/00_{c:02d}/00_{c:02d}_{f + 100:08d}.jpg",
        lambda f, c: f"{folder}/masks/00_{c:02d}/00_{c:02d}_{f + 100:08d}.png",
    )


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path, record())
    capture = open_capture(tmp_path)
    assert capture.layout == "panoptic" and capture.up == (0, -1, 0) and capture.frame_name(0) == "100"
    check_capture(capture, record(), jpeg=True)


def test_videos_are_to_be_extracted(tmp_path: Path) -> None:
    write(tmp_path, record())
    (tmp_path / "hdImgs").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"has no folder of images \(hdImgs, vgaImgs"):
        open_capture(tmp_path)


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record())
    check_links(tmp_path, "calibration_sample.json")
    check_hostile(tmp_path, ["calibration_sample.json"])
