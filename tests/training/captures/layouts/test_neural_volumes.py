"""`KRT` of Neural Volumes, whose calibration is of images of four times the size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save, save_views
from training.captures.opening import open_capture

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def write(folder: Path, recording: Recording) -> None:
    text = ""
    for index, camera in enumerate(recording.cameras):
        K = np.diag([4.0, 4, 1]) @ (camera.K - HALF)
        pose = np.column_stack([camera.R, 1000 * camera.T])
        rows = [" ".join(f"{value:.12g}" for value in row) for row in [*K, np.zeros(5), *pose]]
        text += f"40{index:04d}\n" + "\n".join(rows) + "\n\n"
    (folder / "KRT").write_text(text)
    save_views(
        recording,
        lambda f, c: f"{folder}/cam40{c:04d}/image{f:04d}.jpg",
        lambda f, c: f"{folder}/masks/cam40{c:04d}/image{f:04d}.png",
    )
    for index in range(len(recording.cameras)):
        save(folder / f"cam40{index:04d}" / "bg.jpg", recording.color(0, index) // 2)


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path, record())
    capture = open_capture(tmp_path)
    assert capture.layout == "neural-volumes" and capture.camera_names[1] == "400001"
    check_capture(capture, record(), jpeg=True)


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record())
    check_links(tmp_path, "KRT")
    check_hostile(tmp_path, ["KRT"])
