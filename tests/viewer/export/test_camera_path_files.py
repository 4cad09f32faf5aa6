"""Camera paths for other programs: poses and times by an independent reader of glTF, and the way back from nerfstudio."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from common.errors import InputError
from model.camera import Camera
from tests.factories import make_camera
from viewer.camera_path.foreign import SceneTimes, load_any
from viewer.camera_path.frame_schedule import FrameSchedule
from viewer.export.camera_path_files import NOT_CENTERED, NOT_SQUARE, camera_glb, save_path

CAMERAS = [make_camera(64, 48, azimuth=0.7 * k, elevation=0.2 * k) for k in range(12)]
SCHEDULE = FrameSchedule(12, lambda k: 0.5 * k, lambda k: CAMERAS[k])


def read_glb(content: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the document and its accessors' arrays."""
    magic, version, length, text_length, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    document = json.loads(content[20 : 20 + text_length])
    binary = content[28 + text_length :]
    arrays = []
    for accessor in document["accessors"]:
        view, width = document["bufferViews"][accessor["bufferView"]], {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        part = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        arrays.append(np.frombuffer(part, "<f4").reshape(accessor["count"], width))
    return document, arrays


def test_gltf_moves_the_camera_through_all_views() -> None:
    document, (times, places, rotations) = read_glb(camera_glb(CAMERAS, 25.0, (0, 0, 1)))
    np.testing.assert_allclose(times[:, 0], np.arange(12) / 25, atol=1e-6)
    assert document["accessors"][0]["max"] == pytest.approx([11 / 25])
    channels = document["animations"][0]["channels"]
    assert [channel["target"] for channel in channels] == [{"node": 1, "path": p} for p in ("translation", "rotation")]
    assert document["nodes"][1]["camera"] == 0 and document["nodes"][0]["children"] == [1]
    to_world = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T[:3, :3]
    np.testing.assert_allclose(to_world @ (0, 0, 1), (0, 1, 0), atol=1e-12)  # z of the scene is y of glTF
    for camera, place, rotation in zip(CAMERAS, places, rotations, strict=True):
        axes = Rotation.from_quat(rotation).as_matrix()
        np.testing.assert_allclose(place, camera.center, atol=1e-5)
        np.testing.assert_allclose(-axes[:, 2], camera.R[2], atol=1e-5)  # glTF's cameras look along -z
        np.testing.assert_allclose(axes[:, 1], -camera.R[1], atol=1e-5)  # with y up
    assert (np.sum(rotations[1:] * rotations[:-1], axis=1) > 0).all(), "neighbors are on one half of the sphere"


def test_gltf_has_the_field_of_view() -> None:
    """48 rows and a focal length of 24 pixels are 90 degrees."""
    camera = Camera(64, 48, np.array([[24, 0, 32], [0, 24, 24], [0, 0, 1.0]]), np.eye(3), np.zeros(3))
    document, _ = read_glb(camera_glb([camera], 30.0, (0, 0, 1)))
    perspective = document["cameras"][0]["perspective"]
    assert (perspective["yfov"], perspective["aspectRatio"]) == pytest.approx((math.pi / 2, 64 / 48))


def test_losses_are_reported(tmp_path: Path) -> None:
    assert save_path(tmp_path / "a.glb", SCHEDULE, 25.0, 10, (0, 0, 1)) == []
    zoomed = [make_camera(64, 48), make_camera(64, 48)]
    zoomed[1] = Camera(64, 48, np.diag([2.0, 2.0, 1.0]) @ zoomed[1].K, zoomed[1].R, zoomed[1].T)
    notes = save_path(tmp_path / "b.glb", FrameSchedule(2, float, lambda k: zoomed[k]), 25.0, 10, (0, 0, 1))
    assert notes[0] == NOT_CENTERED and "field of view" in notes[1]


POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))


def pixels_of(camera: Camera) -> np.ndarray:
    seen = (POINTS @ camera.R.T + camera.T) @ camera.K.T
    return seen[:, :2] / seen[:, 2:]


def test_nerfstudio_sees_points_at_the_same_pixels(tmp_path: Path) -> None:
    """Its cameras look along -z with y up, `fov` is vertical, and the focal length is the same along x and y."""
    save_path(tmp_path / "camera_path.json", SCHEDULE, 25.0, 10, (0, 0, 1))
    document = json.loads((tmp_path / "camera_path.json").read_text())
    width, height = document["render_width"], document["render_height"]
    for view, camera in zip(document["camera_path"], CAMERAS, strict=True):
        to_camera = np.linalg.inv(np.array(view["camera_to_world"]).reshape(4, 4))
        x, y, z = (np.c_[POINTS, np.ones(len(POINTS))] @ to_camera.T)[:, :3].T
        focal = height / 2 / math.tan(math.radians(view["fov"]) / 2)
        seen = np.stack([width / 2 + focal * x / -z, height / 2 - focal * y / -z], axis=1)
        np.testing.assert_allclose(seen, pixels_of(camera), atol=1e-6)


def test_gltf_sees_points_at_the_same_pixels() -> None:
    """The projection is the perspective matrix of glTF 2.0. Meshes have the same upright axes."""
    document, (_, places, rotations) = read_glb(camera_glb(CAMERAS[:1], 25.0, (0, 0, 1)))
    world, perspective = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T, document["cameras"][0]["perspective"]
    node = np.eye(4)
    node[:3, :3], node[:3, 3] = Rotation.from_quat(rotations[0]).as_matrix(), places[0]
    upright = np.c_[POINTS, np.ones(len(POINTS))] @ world.T
    x, y, z = (upright @ np.linalg.inv(world @ node).T)[:, :3].T
    scale = 1 / math.tan(perspective["yfov"] / 2)
    across, upward = scale / perspective["aspectRatio"] * x / -z, scale * y / -z  # -1 to 1 in the image
    seen = np.stack([(1 + across) / 2 * 64, (1 - upward) / 2 * 48], axis=1)
    np.testing.assert_allclose(seen, pixels_of(CAMERAS[0]), atol=1e-3)


def test_nerfstudio_has_no_oblong_pixels(tmp_path: Path) -> None:
    oblong = Camera(64, 48, np.diag([1.1, 1.0, 1.0]) @ CAMERAS[0].K, CAMERAS[0].R, CAMERAS[0].T)
    oblong.K[0, 2] = 32
    schedule = FrameSchedule(1, float, lambda k: oblong)
    assert save_path(tmp_path / "a.json", schedule, 25.0, 10, (0, 0, 1)) == [NOT_SQUARE]
    assert save_path(tmp_path / "a.glb", schedule, 25.0, 10, (0, 0, 1)) == []


def test_nerfstudio_reads_back_equal(tmp_path: Path) -> None:
    """Cameras, times and frames survive the way to camera_path.json and back."""
    assert save_path(tmp_path / "camera_path.json", SCHEDULE, 25.0, 10, (0, 0, 1)) == []
    path = load_any(tmp_path / "camera_path.json", SceneTimes(10, 30.0))
    assert len(path) == 12
    for k, (keyframe, camera) in enumerate(zip(path.keyframes, CAMERAS, strict=True)):
        assert (keyframe.time, keyframe.frame) == pytest.approx((k / 25, 0.5 * k))
        for name in ("K", "R", "T"):
            np.testing.assert_allclose(getattr(keyframe.camera, name), getattr(camera, name), atol=1e-9)


@pytest.mark.parametrize(("name", "words"), [("a.fbx", "format"), ("gone/a.glb", "does not exist"), ("a.glb", "is a folder")])
def test_faults(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "a.glb").mkdir()
    with pytest.raises(InputError, match=words):
        save_path(tmp_path / name, SCHEDULE, 25.0, 10, (0, 0, 1))
