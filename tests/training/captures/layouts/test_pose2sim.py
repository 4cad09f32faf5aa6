"""Pose2Sim's calibration in TOML."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
from training.captures.opening import open_capture

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def write(folder: Path, recording: Recording, fisheye: str = "false") -> None:
    text = ""
    for index, camera in enumerate(recording.cameras):
        turn = np.asarray(cv2.Rodrigues(camera.R)[0]).ravel().tolist()
        text += f'[cam_{index + 1}]\nname = "view{index}"\nsize = [ {float(camera.width)}, {float(camera.height)},]\n'
        text += f"matrix = {(camera.K - HALF).tolist()}\ndistortions = [ 0.0, 0.0, 0.0, 0.0,]\n"
        text += f"rotation = {turn}\ntranslation = {camera.T.tolist()}\nfisheye = {fisheye}\n\n"
    (folder / "calibration").mkdir()
    (folder / "calibration" / "Calib_scene.toml").write_text(text + "[metadata]\nadjusted = false\nerror = 0.0\n")
    save_views(
        recording,
        lambda f, c: f"{folder}/videos/view{c}/{f:04d}.png",
        lambda f, c: f"{folder}/masks/view{c}/{f:04d}.png",
    )


@pytest.mark.parametrize("fisheye", ["false", "true"])
def test_round_trip(tmp_path: Path, fisheye: str) -> None:
    write(tmp_path, record(), fisheye)
    capture = open_capture(tmp_path)
    assert capture.layout == "pose2sim" and capture.camera_names[3] == "view3"
    if fisheye == "true":
        assert all(optics.undistortion.fisheye for optics in capture._optics)
    else:
        check_capture(capture, record())


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record())
    check_links(tmp_path, "calibration/Calib_scene.toml")
    check_hostile(tmp_path, ["calibration/Calib_scene.toml"])
