"""The plan of a recording: the scene time and the view of each frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from tests.factories import make_camera
from viewer.camera_path.frame_schedule import MAX_FRAMES, check_range, clip_time, frames_of, orbit_schedule, path_schedule
from viewer.camera_path.path import CameraPath, Keyframe

BOX = np.array([[-0.6, -0.4, 0.0], [0.5, 0.7, 1.9]])


def make_path(seconds: float = 2.0, last_frame: float = 20.0) -> CameraPath:
    return CameraPath([Keyframe(0.0, 0.0, make_camera(azimuth=0)), Keyframe(seconds, last_frame, make_camera(azimuth=1))])


def test_time_runs_at_the_captures_speed() -> None:
    assert [clip_time(k, 30, 30, 0, 100) for k in range(4)] == [0, 1, 2, 3]
    assert [clip_time(k, 30, 60, 5, 100) for k in range(4)] == [5, 5.5, 6, 6.5]
    assert [clip_time(k, 30, 10, 0, 100) for k in range(4)] == [0, 3, 6, 9]
    assert [clip_time(30 * k, 25, 30, 0, 1000) for k in range(4)] == [0, 25, 50, 75]


def test_time_loops_within_the_range() -> None:
    assert [clip_time(k, 30, 30, 2, 5) for k in range(8)] == [2, 3, 4, 2, 3, 4, 2, 3]
    assert [clip_time(k, 30, 60, 2, 4) for k in range(5)] == [2, 2.5, 3, 3, 2], "nothing lies between last and first"
    assert [clip_time(k, 30, 60, 3, 4) for k in range(3)] == [3, 3, 3]


@given(st.integers(0, 10**6), st.floats(1, 120), st.floats(1, 120), st.integers(0, 50), st.integers(1, 50))
def test_time_never_leaves_the_range(k: int, video_fps: float, fps: float, first: int, count: int) -> None:
    assert first <= clip_time(k, video_fps, fps, first, first + count) <= first + count - 1


@pytest.mark.slow
def test_orbit_takes_as_long_as_its_frames() -> None:
    schedule = orbit_schedule(BOX, (0, 0, 1), (64, 48), (10, 40), 30.0, 60.0)
    assert schedule.count == 60
    assert (schedule.time(0), schedule.time(59)) == (10.0, 39.0)
    assert (schedule.camera(0).width, schedule.camera(0).height) == (64, 48)
    ways = [np.linalg.norm(schedule.camera((k + 1) % 60).center - schedule.camera(k).center) for k in range(60)]
    assert np.ptp(ways) < 1e-9, "even, and the last frame leads to the first"


def test_orbit_of_given_length_loops_the_scene() -> None:
    schedule = orbit_schedule(BOX, (0, 0, 1), (64, 48), (0, 3), 30.0, 30.0, seconds=2.0)
    assert schedule.count == 60
    assert [schedule.time(k) for k in range(5)] == [0, 1, 2, 0, 1]


def test_path_shows_both_ends() -> None:
    path = make_path(2.0, 20.0)
    schedule = path_schedule(path, (64, 64), 30, None, 30.0, 10.0)
    assert schedule.count == 21
    assert [schedule.time(k) for k in range(21)] == list(range(21))
    np.testing.assert_array_equal(schedule.camera(20).T, path.keyframes[1].camera.T)


def test_path_of_one_keyframe_a_frame_gives_exactly_them() -> None:
    keys = [Keyframe(k / 30, float(2 * k), make_camera(azimuth=0.1 * k)) for k in range(12)]
    schedule = path_schedule(CameraPath(keys), (64, 64), 30, None, 25.0, 30.0)
    assert [schedule.time(k) for k in range(schedule.count)] == [2.0 * k for k in range(12)]
    for k, key in enumerate(keys):
        np.testing.assert_array_equal(schedule.camera(k).R, key.camera.R)


def test_path_that_starts_late_loses_no_time() -> None:
    path = CameraPath([Keyframe(5.0, 0.0, make_camera()), Keyframe(6.0, 10.0, make_camera(azimuth=1))])
    schedule = path_schedule(path, (64, 64), 30, None, 30.0, 10.0)
    assert schedule.count == 11 and schedule.time(0) == 0.0


def test_range_lets_the_clock_drive_the_scene() -> None:
    schedule = path_schedule(make_path(2.0, 20.0), (64, 64), 30, (5, 25), 10.0, 10.0)
    assert schedule.count == 20
    assert [schedule.time(k) for k in range(20)] == list(range(5, 25))


def test_path_beyond_the_video_is_refused() -> None:
    with pytest.raises(InputError, match="keyframe 1: shows frame 20; this video has 0 to 9"):
        path_schedule(make_path(2.0, 20.0), (64, 64), 10, None, 30.0, 30.0)


def test_empty_path_is_refused() -> None:
    with pytest.raises(InputError, match="no keyframes"):
        path_schedule(CameraPath(), (64, 64), 10, None, 30.0, 30.0)


@pytest.mark.parametrize("frames", [(-1, 3), (3, 3), (5, 3), (0, 11)])
def test_impossible_ranges_are_refused(frames: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="within 0:10"):
        check_range(frames, 10)


def test_possible_ranges() -> None:
    assert check_range(None, 10) == (0, 10)
    assert check_range((9, 10), 10) == (9, 10)


def test_endless_recordings_are_refused() -> None:
    assert frames_of(0.001, 30) == 1
    with pytest.raises(InputError, match="longer"):
        frames_of(MAX_FRAMES, 2)
    with pytest.raises(InputError, match="recording of inf frames: is longer"):
        frames_of(1e308, 30)
    camera = make_camera(8, 8)
    path = CameraPath([Keyframe(0.0, 0.0, camera), Keyframe(1e308, 0.0, camera)])
    with pytest.raises(InputError, match="longer"):
        path_schedule(path, (8, 8), 1, None, 30.0, 1000.0)
    assert frames_of(MAX_FRAMES / 30, 30) == MAX_FRAMES


def test_an_orbit_around_a_point_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to turn around"):
        orbit_schedule(np.ones((2, 3)), (0, 0, 1), (8, 8), (0, 2), 30.0, 30.0)
