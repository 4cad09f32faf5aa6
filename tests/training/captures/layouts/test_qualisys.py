"""Qualisys' `.qca.txt`: lengths in 1/64 pixel, poses of the camera in axes turned by half a turn."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, record, save_views
from training.captures.boxes import frame_box
from training.captures.hull import carve_hull, hull_box
from training.captures.opening import open_capture

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
BALANCE = Path(__file__).resolve().parents[5] / "shared" / "captures" / "balance"


def camera_text(name: str, recording: Recording, index: int, left: int, top: int) -> str:
    camera = recording.cameras[index]
    r = np.diag([1.0, -1, -1]) @ camera.R
    K = 64 * (camera.K - HALF + np.array([[0, 0, left], [0, 0, top], [0, 0, 0]]))
    rotation = " ".join(f'r{i + 1}{j + 1}="{r[i, j]:.16g}"' for i in range(3) for j in range(3))
    position = " ".join(f'{axis}="{1000 * value:.14g}"' for axis, value in zip("xyz", camera.center, strict=True))
    field = f'bottom="{top + camera.height - 1}" left="{left}" right="{left + camera.width - 1}" top="{top}"'
    lens = f'focalLengthU="{K[0, 0]:.12g}" focalLengthV="{K[1, 1]:.12g}" centerPointU="{K[0, 2]:.12g}"'
    lens += f' centerPointV="{K[1, 2]:.12g}" radialDistortion1="0" radialDistortion2="0" radialDistortion3="0"'
    lens += ' tangentalDistortion1="0" tangentalDistortion2="0"'
    return (
        f'<camera active="1" model="none" serial="{name}"><fov_video {field}/><transform {rotation} {position}/>'
        f"<intrinsic {lens}/></camera>\n"
    )


def write(folder: Path, recording: Recording) -> None:
    cameras = "".join(camera_text(f"cam{c:02d}", recording, c, 8 * (c % 2), 4 * (c // 2)) for c in range(4))
    marker = camera_text("marker", recording, 0, 0, 0).replace('model="none"', 'model="Miqus M3"')
    text = f'<?xml version="1.0" encoding="ASCII"?>\n<calibration><cameras>\n{marker}{cameras}</cameras></calibration>\n'
    (folder / "calibration").mkdir()
    (folder / "calibration" / "Calib.qca.txt").write_text(text)
    save_views(
        recording, lambda f, c: f"{folder}/images/cam{c:02d}/{f:04d}.png", lambda f, c: f"{folder}/masks/cam{c:02d}/{f:04d}.png"
    )


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path, record())
    capture = open_capture(tmp_path)
    assert capture.layout == "qualisys" and len(capture.cameras) == 4
    check_capture(capture, record())


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record())
    check_links(tmp_path, "calibration/Calib.qca.txt")
    check_hostile(tmp_path, ["calibration/Calib.qca.txt"])
    text = (tmp_path / "calibration" / "Calib.qca.txt").read_text()
    laughs = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]>'
    (tmp_path / "calibration" / "Calib.qca.txt").write_text(text.replace("<calibration>", f"{laughs}<calibration>"))
    with pytest.raises(InputError, match="defines entities"):
        open_capture(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not BALANCE.is_dir(), reason="needs the shared capture")
def test_videos_of_real_cameras_and_masks_of_every_second_frame(tmp_path: Path) -> None:
    """The four cameras of `balance`, with one line in meta.yaml: their masks leave a person of 1.7 m on the floor."""
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "Calib.qca.txt").write_bytes((BALANCE / "calibration" / "Calib.qca.txt").read_bytes())
    for number in (1, 2, 3, 4):
        for kind, names in (
            ("videos", [f"cam{number:02d}.mp4"]),
            ("masks", [f"cam{number:02d}/{f:06d}.png" for f in (0, 2, 4)]),
        ):
            for name in names:
                (tmp_path / kind / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(BALANCE / kind / name, tmp_path / kind / name)
    with pytest.raises(InputError, match="1080x1920, but the calibration is for 1088x1920; add all_cameras"):
        open_capture(tmp_path)
    (tmp_path / "meta.yaml").write_text("all_cameras: {fit: crop}\n")
    capture = open_capture(tmp_path)
    assert [capture.frame_name(frame) for frame in range(capture.num_frames)] == ["0", "2", "4"] and capture.fps == 60
    box = np.array([[-1.5, -1.5, -0.5], [1.5, 1.5, 2.5]])
    hull = carve_hull(capture.cameras, [capture.mask(0, c) for c in range(4)], box, 64, margin=1.0, min_views=4)
    low, high = hull_box(hull, box)
    assert 1.4 < high[2] - low[2] < 2.0 and abs(low[2]) < 0.25 and (high - low)[:2].max() < 1.6
    low, high = frame_box(capture, 0, padding=0)
    assert 1.4 < high[2] - low[2] < 2.2 and (high - low)[:2].max() < 1.8
    assert capture.view(1, 1).color.shape == (1920, capture.cameras[1].width, 3)
