"""Technicolor's `cameras_parameters.txt` and its flat folder of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
from training.captures.opening import open_capture

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def square_pixels() -> Recording:
    """Return a recording whose cameras have one focal length, which is all that this layout can express."""
    return record(centered=True)


def write(folder: Path, recording: Recording) -> None:
    text = "f cu cv ar sk d1 d2 qw qx qy qz tx ty tz\n"
    for camera in recording.cameras:
        x, y, z, w = Rotation.from_matrix(camera.R).as_quat()
        K = camera.K - HALF
        text += " ".join(f"{v:.12g}" for v in (K[0, 0], K[0, 2], K[1, 2], 1, 0, w, x, y, z, *camera.T)) + " \n"
    (folder / "cameras_parameters.txt").write_text(text)
    save_views(
        recording,
        lambda f, c: f"{folder}/Painter_undist_{f + 99:05d}_{c:02d}.png",
        lambda f, c: f"{folder}/masks/Painter_undist_{f + 99:05d}_{c:02d}.png",
    )


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path, square_pixels())
    capture = open_capture(tmp_path)
    assert capture.layout == "technicolor" and capture.frame_name(1) == "100"
    check_capture(capture, square_pixels())


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, square_pixels())
    check_links(tmp_path, "cameras_parameters.txt")
    check_hostile(tmp_path, ["cameras_parameters.txt"])
