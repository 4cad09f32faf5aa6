"""NHR as distributed, written as its README describes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
from training.captures.opening import open_capture

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def write(folder: Path, recording: Recording) -> None:
    poses, intrinsics = "", ""
    for index, camera in enumerate(recording.cameras):
        R, T = camera.R.T, camera.center  # R x_camera + T = x_world
        columns = np.concatenate([R[:, 2], R[:, 0], R[:, 1], T])
        poses += " ".join(f"{value:.9g}" for value in columns) + "\n"
        rows = "\n".join(" ".join(f"{value:.9g}" for value in row) for row in camera.K - HALF)
        intrinsics += f"{index}\n{rows}\n\n"
    (folder / "CamPose.inf").write_text(poses)
    (folder / "Intrinsic.inf").write_text(intrinsics)
    save_views(
        recording, lambda f, c: f"{folder}/img/{f}/img_{c:04d}.jpg", lambda f, c: f"{folder}/img/{f}/mask/img_{c:04d}.jpg"
    )
    (folder / "pointclouds").mkdir()
    for frame, points in enumerate(recording.vertices):
        np.save(folder / "pointclouds" / f"frame{frame + 1}.npy", np.concatenate([points, points * 0 + 128], axis=1))


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path, record())
    capture = open_capture(tmp_path)
    assert capture.layout == "nhr"
    check_capture(capture, record(), jpeg=True)
    np.testing.assert_array_equal(capture.vertices(1), record().vertices[1])


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record())
    check_links(tmp_path, "CamPose.inf")
    check_hostile(tmp_path, ["CamPose.inf", "Intrinsic.inf"])
