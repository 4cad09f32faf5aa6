"""Recordings that never see the scene are refused with the reason; every view that may see it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from common.errors import InputError
from model.camera import Camera
from model.video import VolumetricVideo
from tests.factories import make_video
from viewer.camera_path.frame_schedule import FrameSchedule
from viewer.camera_path.path import CameraPath
from viewer.camera_path.rig import RigCamera
from viewer.export.unseen import CHECKED_FRAMES, blind_cameras, check_path_sees, checked_frames, listed

K = np.array([[40.0, 0, 16], [0, 40, 16], [0, 0, 1]])


@pytest.fixture
def video() -> VolumetricVideo:
    """A video whose box is a cube around (0, 0, 0), but around (0, 0, 20) in its last frame."""
    made = make_video(num_frames=4)
    made.boxes[:] = [[-1, -1, -1], [1, 1, 1]]
    made.boxes[-1] += np.array([0, 0, 20], np.float32)
    return made


def camera(z: float) -> Camera:
    """Return a camera that looks along z, with the origin z meters in front of it."""
    return Camera(32, 32, K, np.eye(3), np.array([0.0, 0, z]))


def schedule(views: list[tuple[float, Camera]]) -> FrameSchedule:
    return FrameSchedule(len(views), lambda k: views[k][0], lambda k: views[k][1])


def test_a_path_is_refused_only_if_no_view_sees_the_scene(video: VolumetricVideo) -> None:
    away = [(0.0, camera(-4)), (1.0, camera(-5))]
    with pytest.raises(InputError) as refused:
        check_path_sees("a.json", schedule(away), video)
    assert str(refused.value) == (
        "a.json: never sees the scene: the scene is 4 m behind this camera; check R and T: x_camera = R x_world + T"
    )
    with pytest.raises(InputError, match=r"^the camera path: never sees the scene"):
        check_path_sees(CameraPath(), schedule(away), video)
    check_path_sees("a.json", schedule([*away, (1.0, camera(4))]), video)
    check_path_sees("a.json", schedule([*away, (3.0, camera(-4))]), video)  # the scene has moved in front of the camera
    check_path_sees("orbit", schedule(away), video)


def test_blind_cameras_of_a_rig_are_explained(video: VolumetricVideo) -> None:
    rig = [
        RigCamera("front", camera(5)),
        RigCamera("back", camera(-4)),
        RigCamera("side", replace(camera(5), T=np.array([50.0, 0, 5]))),
    ]
    first = schedule([(time, camera(5)) for time in (0.0, 1.0, 2.0)])
    assert blind_cameras(rig, first, video) == {
        "back": "the scene is 4 m behind this camera",
        "side": "the scene is 5 m away, outside of this camera's image",
    }
    whole = schedule([(time, camera(5)) for time in (0.0, 1.0, 2.0, 3.0)])
    assert list(blind_cameras(rig, whole, video)) == ["side"], "in the last frame, the scene is before the camera at the back"
    with pytest.raises(InputError, match=r"^rig\.json: no camera sees the scene: the scene is 4 m behind this camera; check R"):
        blind_cameras(rig[1:], first, video, "rig.json")


def test_checked_frames_are_spread_over_the_recording() -> None:
    assert checked_frames(1) == [0] and checked_frames(3) == [0, 1, 2]
    found = checked_frames(100_000)
    assert len(found) == CHECKED_FRAMES and found[0] == 0 and found[-1] == 99_999
    assert max(np.diff(found)) - min(np.diff(found)) <= 1


def test_lists_of_names() -> None:
    assert listed(["a"]) == "a" and listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdef")) == "a, b, c, d, e and 1 more"
