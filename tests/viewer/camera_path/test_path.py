"""Camera paths: editing the track, exactness at keyframes, PATH.json and its faults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from model.camera import Camera
from tests.factories import make_camera
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.camera_path.spline import monotone_value


def cameras(count: int, width: int = 64, height: int = 48) -> list[Camera]:
    return [make_camera(width, height, azimuth=0.7 * i, elevation=0.1 * i, distance=3 + 0.3 * i) for i in range(count)]


def make_path(count: int = 4, tension: float = 0.0) -> CameraPath:
    times = [0.0, 1.0, 2.5, 3.0, 5.0][:count]
    frames = [0.0, 10.0, 12.0, 12.0, 40.0][:count]
    return CameraPath([Keyframe(*key) for key in zip(times, frames, cameras(count), strict=True)], tension)


def assert_same(a: Camera, b: Camera) -> None:
    assert (a.width, a.height) == (b.width, b.height)
    for name in ("K", "R", "T"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("tension", [0.0, 0.5, 1.0])
def test_exact_at_keyframes(tension: float) -> None:
    path = make_path(5, tension)
    for keyframe in path.keyframes:
        assert_same(path.camera(keyframe.time), keyframe.camera)
        assert path.frame(keyframe.time) == keyframe.frame


@given(st.floats(0, 5), st.floats(0, 1))
def test_between_keyframes_cameras_are_valid_and_frames_monotone(time: float, tension: float) -> None:
    path = make_path(5, tension)
    camera = path.camera(time)
    np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-9)
    assert path.frame(time) <= path.frame(min(time + 0.1, 5.0)) + 1e-9
    assert 0 <= path.frame(time) <= 40


@pytest.mark.slow
def test_continuous_everywhere() -> None:
    path = make_path(5)
    times = np.linspace(0, 5, 2001)
    centers = np.array([path.camera(float(t)).center for t in times])
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    assert steps.max() < 5 * np.median(steps)


def test_held_outside() -> None:
    path = CameraPath([Keyframe(1.0, 3.0, cameras(1)[0]), Keyframe(2.0, 5.0, cameras(2)[1])])
    assert_same(path.camera(0.0), path.keyframes[0].camera)
    assert_same(path.camera(99.0), path.keyframes[1].camera)
    assert (path.frame(0.0), path.frame(99.0)) == (3.0, 5.0)
    assert path.duration == 1.0


def test_even_track_gives_whole_frames() -> None:
    path = CameraPath([Keyframe(0.0, 0.0, cameras(1)[0]), Keyframe(3.0, 90.0, cameras(2)[1])])
    assert [path.frame(k / 30) for k in range(91)] == list(range(91))


def test_one_keyframe_is_a_still() -> None:
    path = CameraPath([Keyframe(2.0, 7.0, cameras(1)[0])])
    assert_same(path.camera(0.3), path.keyframes[0].camera)
    assert path.frame(9.0) == 7.0
    assert path.duration == 0.0


def test_empty_path_is_refused() -> None:
    with pytest.raises(InputError, match="no keyframes"):
        CameraPath().camera(0.0)
    with pytest.raises(InputError, match="no keyframes"):
        CameraPath().frame(0.0)


def test_other_image_sizes_are_fitted_to_the_first() -> None:
    path = CameraPath([Keyframe(0, 0, make_camera(64, 48)), Keyframe(1, 0, make_camera(200, 100))])
    assert_same(path.camera(1.0), make_camera(200, 100).fitted(64, 48))
    assert path.camera(0.5).width == 64


def test_adding_keeps_the_order_and_replaces_the_same_time() -> None:
    path = make_path(3)
    assert path.add(Keyframe(2.0, 5.0, cameras(1)[0])) == 2
    assert [k.time for k in path.keyframes] == [0.0, 1.0, 2.0, 2.5]
    assert path.add(Keyframe(2.0, 6.0, cameras(1)[0])) == 2
    assert len(path) == 4 and path.keyframes[2].frame == 6.0
    assert path.append(9.0, cameras(1)[0], seconds=1.5) == 4
    assert path.end == 4.0
    assert CameraPath().append(0.0, cameras(1)[0]) == 0


@pytest.mark.parametrize(("time", "frame"), [(-1.0, 0.0), (float("nan"), 0.0), (0.0, float("inf"))])
def test_impossible_keyframes_are_refused(time: float, frame: float) -> None:
    with pytest.raises(InputError, match="keyframe"):
        CameraPath().add(Keyframe(time, frame, cameras(1)[0]))


def test_moving_on_the_track() -> None:
    path = make_path(4)
    first = path.keyframes[0]
    assert path.move(0, 2.0) == 1
    assert path.keyframes[1].camera is first.camera
    assert path.move(1, 3.0) == 1, "it does not land on another one"
    assert path.keyframes[1].time == 2.0
    assert path.move(1, -5.0) == 0
    assert path.start == 0.0


def test_reordering_keeps_the_times() -> None:
    path = make_path(4)
    views = [k.camera for k in path.keyframes]
    path.reorder(0, 2)
    assert [k.time for k in path.keyframes] == [0.0, 1.0, 2.5, 3.0]
    assert [k.camera for k in path.keyframes] == [views[1], views[2], views[0], views[3]]


def test_replacing_and_removing() -> None:
    path = make_path(3)
    path.replace_view(1, 99.0, cameras(1)[0])
    assert (path.keyframes[1].time, path.keyframes[1].frame) == (1.0, 99.0)
    path.remove(0)
    assert path.start == 1.0
    path.remove(1)
    path.remove(0)
    assert len(path) == 0 and path.duration == 0.0


def test_file_round_trip(tmp_path: Path) -> None:
    path = make_path(4, tension=0.25)
    path.save(tmp_path / "path.json")
    loaded = CameraPath.load(tmp_path / "path.json")
    assert loaded.tension == 0.25
    for a, b in zip(path.keyframes, loaded.keyframes, strict=True):
        assert (a.time, a.frame) == (b.time, b.frame)
        assert_same(a.camera, b.camera)
    values = json.loads((tmp_path / "path.json").read_text())
    assert set(values["keyframes"][0]) == {"time", "frame", "camera"}


def test_the_contracts_object_is_enough() -> None:
    values = {"keyframes": [{"time": 0, "frame": 3, "camera": make_camera().to_dict()}]}
    assert CameraPath.from_dict(values).frame(0.0) == 3.0


def keyframe(**changes: object) -> dict:
    return {"time": 0.0, "frame": 0, "camera": make_camera().to_dict(), **changes}


BAD = {
    "no object": ([], "must be a JSON object"),
    "no keyframes": ({}, "must be a JSON object"),
    "one camera": (make_camera().to_dict(), "is one camera; a path has keyframes"),
    "empty": ({"keyframes": []}, "no keyframes"),
    "keyframe is not an object": ({"keyframes": [3]}, "keyframe 0: must be"),
    "no time": ({"keyframes": [{"frame": 0}]}, "keyframe 0: has no time"),
    "time is text": ({"keyframes": [keyframe(time="0")]}, "keyframe 0: time"),
    "time is true": ({"keyframes": [keyframe(time=True)]}, "keyframe 0: time"),
    "negative time": ({"keyframes": [keyframe(time=-1)]}, "not be negative"),
    "negative frame": ({"keyframes": [keyframe(frame=-1)]}, "not be negative"),
    "infinite frame": ({"keyframes": [keyframe(frame=float("inf"))]}, "keyframe 0: frame"),
    "same time": ({"keyframes": [keyframe(), keyframe()]}, "keyframe 1 is not later"),
    "falling time": ({"keyframes": [keyframe(time=1), keyframe(time=0)]}, "keyframe 1 is not later"),
    "bad camera": ({"keyframes": [keyframe(camera={"width": 3})]}, "keyframe 0: camera: has no height"),
    "bad tension": ({"keyframes": [keyframe()], "tension": 2}, "tension"),
}


@pytest.mark.parametrize(("values", "fault"), BAD.values(), ids=list(BAD))
def test_faults_are_named(tmp_path: Path, values: object, fault: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(values))
    with pytest.raises(InputError, match=fault) as caught:
        CameraPath.load(file)
    assert str(file) in str(caught.value)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        CameraPath.load(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"keyframes": [')
    with pytest.raises(InputError, match="not valid JSON"):
        CameraPath.load(tmp_path / "cut.json")


@pytest.mark.parametrize("time", [float("inf"), float("nan"), -float("inf")])
def test_a_keyframe_is_not_moved_beyond_all_times(time: float) -> None:
    path = CameraPath()
    path.append(0, make_camera(8, 8))
    path.append(1, make_camera(8, 8))
    with pytest.raises(InputError, match="finite"):
        path.move(1, time)
    assert [keyframe.time for keyframe in path.keyframes] == [0.0, 1.0]
    with pytest.raises(InputError, match="finite"):
        path.replace_view(0, time, make_camera(8, 8))


class CountedTime(float):
    """A time that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: float) -> bool:
        CountedTime.compared += 1
        return float(self) < other

    def __gt__(self, other: float) -> bool:
        CountedTime.compared += 1
        return float(self) > other


def test_long_paths_take_work_in_proportion() -> None:
    camera, count = make_camera(8, 8), 3000
    rng = np.random.default_rng(4)
    keyframes = [Keyframe(CountedTime(time), float(time % 7), camera) for time in rng.permutation(count)]
    path = CameraPath(keyframes)
    assert [keyframe.time for keyframe in path.keyframes] == list(range(count))
    assert CountedTime.compared < 30 * count
    CountedTime.compared = 0
    assert path.index_at(1234.0) == 1234 and path.index_at(1234.5) is None
    assert path.camera(1234.5) is not None and CountedTime.compared < 100


def test_the_frame_between_keyframes_is_that_of_the_whole_curve() -> None:
    frames = np.random.default_rng(3).uniform(0, 9, 12).cumsum()
    path = CameraPath([Keyframe(1.5 * i, frame, make_camera(8, 8)) for i, frame in enumerate(frames.tolist())])
    for time in np.linspace(0.01, 16.4, 40).tolist():
        expected = monotone_value([1.5 * i for i in range(12)], frames.tolist(), time)
        assert path.frame(time) == pytest.approx(expected)
