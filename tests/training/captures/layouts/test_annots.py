"""`annots.npy` as ZJU-MoCap and the paper's NHR data have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.captures.layouts.scene import Recording, check_capture, check_links, record, save, save_views
from tests.training.scenes import write_annotations
from training.captures.boxes import frame_box
from training.captures.images import label_color
from training.captures.opening import open_capture


def write_cameras(folder: Path, recording: Recording, names: list[list[str]]) -> None:
    half = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    cameras = recording.cameras
    cams = {
        "K": [camera.K - half for camera in cameras],
        "D": [np.zeros((5, 1)) for _ in cameras],
        "R": [camera.R for camera in cameras],
        "T": [1000 * camera.T.reshape(3, 1) for camera in cameras],
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_annotations(folder, {"cams": cams, "ims": [{"ims": frame} for frame in names]})


def test_zju_mocap(tmp_path: Path) -> None:
    recording = record()
    names = [[f"Camera_B{c + 1}/{f:06d}.png" for c in range(4)] for f in range(2)]
    write_cameras(tmp_path, recording, names)
    save_views(recording, lambda f, c: f"{tmp_path}/{names[f][c]}", lambda f, c: f"{tmp_path}/mask_cihp/{names[f][c]}")
    (tmp_path / "new_vertices").mkdir()
    for frame, points in enumerate(recording.vertices):
        np.save(tmp_path / "new_vertices" / f"{frame}.npy", points)
    capture = open_capture(tmp_path)
    check_capture(capture, recording)
    assert capture.camera_names == ["Camera_B1", "Camera_B2", "Camera_B3", "Camera_B4"]
    np.testing.assert_array_equal(capture.vertices(1), recording.vertices[1])
    expected = [recording.vertices[1].min(0) - 0.05, recording.vertices[1].max(0) + 0.05]
    np.testing.assert_allclose(frame_box(capture, 1), expected, atol=1e-6)
    check_links(tmp_path, names[0][0])


def test_the_long_names_of_coreview_313(tmp_path: Path) -> None:
    recording = record()
    time = "2019-08-23_16-08-50.592"
    names = [[f"Camera ({c + 1})/CoreView_313_Camera_({c + 1})_{f + 1:04d}_{time}.jpg" for c in range(4)] for f in range(2)]
    write_cameras(tmp_path, recording, names)
    masks = [[name.replace(".jpg", ".png") for name in frame] for frame in names]
    save_views(recording, lambda f, c: f"{tmp_path}/{names[f][c]}", lambda f, c: f"{tmp_path}/mask_cihp/{masks[f][c]}")
    (tmp_path / "vertices").mkdir()
    for frame, points in enumerate(recording.vertices):
        np.save(tmp_path / "vertices" / f"{frame + 1}.npy", points)
    capture = open_capture(tmp_path)
    check_capture(capture, recording, jpeg=True)
    np.testing.assert_array_equal(capture.vertices(0), recording.vertices[0])
    assert capture.camera_names[2] == "Camera (3)"


@pytest.mark.parametrize("palette", [True, False])
def test_hair_and_neck_belong_to_the_face_of_schp_parses(tmp_path: Path, palette: bool) -> None:
    recording = record()
    names = [[f"images/{c:02d}/{f:06d}.png" for c in range(4)] for f in range(2)]
    write_cameras(tmp_path, recording, names)
    save_views(recording, lambda f, c: f"{tmp_path}/{names[f][c]}", None)
    labels = np.random.default_rng().integers(0, 20, (56, 48), dtype=np.uint8)
    colors = np.stack([label_color(label) for label in range(256)])
    for frame, camera in recording.each():
        path = tmp_path / "schp" / f"{camera:02d}" / f"{frame:06d}.png"
        save(path, colors[labels])
        if palette:
            image = Image.fromarray(labels, mode="P")
            image.putpalette(colors.tobytes())
            image.save(path)
    view = open_capture(tmp_path).view(1, 3)
    assert view.face is not None
    np.testing.assert_array_equal(view.face > 0, np.isin(labels, (2, 10, 13)))
    np.testing.assert_array_equal(view.mask > 0, labels > 0)


def test_nhr_as_the_paper_has_it(tmp_path: Path) -> None:
    """Masks are JPEG like the images, and meta.yaml turns the actor upright."""
    recording = record()
    names = [[f"images/{c:02d}/{f:06d}.jpg" for c in range(4)] for f in range(2)]
    angle = np.deg2rad(80)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    lying = [(camera, camera.R @ turn) for camera in recording.cameras]  # x_upright = turn x
    write_cameras(tmp_path, recording, names)
    content = np.load(tmp_path / "annots.npy", allow_pickle=True).item()
    content["cams"]["R"] = [R for _, R in lying]
    write_annotations(tmp_path, content)
    masks = [[name.replace("images", "mask") for name in frame] for frame in names]
    save_views(recording, lambda f, c: f"{tmp_path}/{names[f][c]}", lambda f, c: f"{tmp_path}/{masks[f][c]}")
    (tmp_path / "vertices").mkdir()
    for frame, points in enumerate(recording.vertices):
        np.save(tmp_path / "vertices" / f"{frame:06d}.npy", points @ turn)
    rows = "".join(f"\n  - {[*map(float, row), 0.0]}" for row in turn)
    (tmp_path / "meta.yaml").write_text(f"up_axis: z\ntransform:{rows}\n  - [0.0, 0.0, 0.0, 1.0]\n")
    capture = open_capture(tmp_path)
    check_capture(capture, recording, jpeg=True)
    np.testing.assert_allclose(capture.vertices(1), recording.vertices[1], atol=1e-6)  # type: ignore[arg-type]
