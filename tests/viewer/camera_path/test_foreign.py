"""Camera paths of other programs, compared with cameras computed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from common.errors import InputError
from tests.factories import make_camera
from viewer.camera_path.foreign import SceneTimes, load_any, nerfstudio_views
from viewer.camera_path.path import CameraPath, Keyframe

TIMES = SceneTimes(num_frames=61, fps=30.0)


def written(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values))
    return path


def nerfstudio(*poses: Any, **changes: Any) -> dict[str, Any]:
    """A file with these 4x4 poses, two per second, 90 degrees high, 200x100 pixels."""
    views = [{"camera_to_world": np.asarray(pose, float).ravel().tolist(), "fov": 90.0, "aspect": 2.0} for pose in poses]
    values = {"camera_type": "perspective", "render_width": 200, "render_height": 100, "fps": 2, "seconds": 1}
    return {**values, "camera_path": views, "keyframes": [], **changes}


STANDING = [[1, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
"""A camera of OpenGL at (1, 2, 3) that looks along -z, with y up."""


def test_nerfstudio(tmp_path: Path) -> None:
    path = load_any(written(tmp_path / "camera_path.json", nerfstudio(STANDING, STANDING)), TIMES)
    assert [(k.time, k.frame) for k in path.keyframes] == [(0.0, 0.0), (0.5, 15.0)]
    camera = path.keyframes[0].camera
    assert (camera.width, camera.height) == (200, 100)
    np.testing.assert_allclose(camera.center, (1, 2, 3))
    pixels, depth = camera.project([[1, 2, 1], [2, 2, 1], [1, 3, 1]])  # two meters in front; one to the right; one above
    np.testing.assert_allclose(depth, 2)
    np.testing.assert_allclose(pixels, [[100, 50], [125, 50], [100, 25]])  # the focal length is 50 pixels


def test_nerfstudio_with_the_transform_of_its_dataparser(tmp_path: Path) -> None:
    # nerfstudio's world is the capture's, turned by 90 degrees about z, moved by 1 along x, then halved.
    transform = [[0, -1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]]
    written(tmp_path / "dataparser_transforms.json", {"transform": transform, "scale": 0.5})
    pose = [[1, 0, 0, 0.5], [0, 1, 0, 1.0], [0, 0, 1, 1.5], [0, 0, 0, 1]]
    path = load_any(written(tmp_path / "camera_path.json", nerfstudio(pose)), TIMES)
    camera = path.keyframes[0].camera
    np.testing.assert_allclose(camera.center, (2, 0, 3))  # (0.5, 1, 1.5) / 0.5 = (1, 2, 3); less (1, 0, 0); turned back
    np.testing.assert_allclose(camera.R.T @ (1, 0, 0), (0, -1, 0), atol=1e-12)  # its right side, (1, 0, 0), turned back


def test_nerfstudio_with_times_of_the_scene(tmp_path: Path) -> None:
    values = nerfstudio(STANDING, STANDING, STANDING)
    for view, part in zip(values["camera_path"], (0.0, 0.25, 1.0), strict=True):
        view["render_time"] = part
    path = load_any(written(tmp_path / "a.json", values), TIMES)
    assert [k.frame for k in path.keyframes] == [0.0, 15.0, 60.0]


def test_instant_ngp(tmp_path: Path) -> None:
    # Its axes x, y, z are y, z, x of the capture. Without a turn, a camera looks along its z: x of the capture.
    view = {"R": [0, 0, 0, 1], "T": [0.5 + 0.33 * 2, 0.5 + 0.33 * 3, 0.5 + 0.33], "fov": 90.0, "scale": 1.5, "slice": 0}
    turned = {**view, "R": Rotation.from_euler("y", 90, degrees=True).as_quat().tolist()}
    path = load_any(written(tmp_path / "base.json", {"time": 0.0, "path": [view, turned]}), TIMES)
    first, second = (keyframe.camera for keyframe in path.keyframes)
    np.testing.assert_allclose(first.center, (1, 2, 3))
    np.testing.assert_allclose(first.R, [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(second.R[2], (0, 1, 0), atol=1e-12)  # its z was turned to its x
    assert [k.time for k in path.keyframes] == [0.0, 1.0] and [k.frame for k in path.keyframes] == [0.0, 30.0]
    written(tmp_path / "transforms.json", {"scale": 1.0, "offset": [0.0, 0.0, 0.0]})
    moved = load_any(tmp_path / "base.json", TIMES).keyframes[0].camera
    np.testing.assert_allclose(moved.center, (0.83, 1.16, 1.49))


def test_gaussian_splatting(tmp_path: Path) -> None:
    camera = make_camera(64, 48)
    view = {"id": 0, "img_name": "a", "width": 64, "height": 48, "fx": camera.K[0, 0], "fy": camera.K[1, 1]}
    view |= {"position": camera.center.tolist(), "rotation": camera.R.T.tolist()}
    path = load_any(written(tmp_path / "cameras.json", [view, view]), TIMES)
    found = path.keyframes[1].camera
    for name in ("K", "R", "T"):
        np.testing.assert_allclose(getattr(found, name), getattr(camera, name), atol=1e-12)
    assert path.keyframes[1].time == 1.0


def test_the_own_format(tmp_path: Path) -> None:
    path = CameraPath([Keyframe(0.0, 1.0, make_camera(8, 8))])
    path.save(tmp_path / "path.json")
    assert load_any(tmp_path / "path.json", TIMES).keyframes[0].frame == 1.0


def test_exported_views_are_read_back(tmp_path: Path) -> None:
    path = CameraPath([Keyframe(0.5 * k, 10.0 * k, make_camera(64, 48, azimuth=0.4 * k)) for k in range(3)])
    views = nerfstudio_views([path.camera(k / 20) for k in range(21)], 20.0, [k / 20 for k in range(21)])
    back = load_any(written(tmp_path / "camera_path.json", views), TIMES)
    assert len(back) == 21 and back.end == pytest.approx(1.0)
    assert [keyframe.frame for keyframe in back.keyframes] == pytest.approx([3.0 * k for k in range(21)])
    for time in (0.0, 0.25, 0.5, 1.0):
        for name in ("K", "R", "T"):
            np.testing.assert_allclose(getattr(back.camera(time), name), getattr(path.camera(time), name), atol=1e-9)


@pytest.mark.parametrize(
    "values",
    [
        {"camera_path": []},
        {"camera_path": [5], "render_width": 8, "render_height": 8, "fps": 1},
        nerfstudio([[0] * 4] * 4),
        nerfstudio(STANDING, camera_type="fisheye"),
        nerfstudio(STANDING, fps=0, seconds=0),
        nerfstudio(STANDING, render_width="x"),
        {"path": [{"R": [0, 0, 0, 0], "T": [0, 0, 0], "fov": 50}]},
        {"path": [{"R": [0, 0, 0, 1], "T": [0, 0], "fov": 50}]},
        {"path": [{"T": [0, 0, 0], "fov": 50}]},
        {"path": [{"R": [0, 0, 0, 1], "T": [0, 0, 0], "fov": 200}]},
        [{"width": 8}],
        [[]],
        [],
        {},
        5,
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, values: object) -> None:
    with pytest.raises(InputError, match=r"a\.json"):
        load_any(written(tmp_path / "a.json", values), TIMES)
