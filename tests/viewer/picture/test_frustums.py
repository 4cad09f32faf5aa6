"""Pyramids of cameras: which are shown, and which is under the mouse, by hand-computed pixels."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from viewer.picture.frustums import MAX_FRUSTUMS, Frustums

VIEW = Camera(100, 80, np.array([[50.0, 0, 50], [0, 50, 40], [0, 0, 1]]), np.eye(3), np.zeros(3))
"""A camera at the origin that looks along z."""


def standing_at(x: float, y: float, z: float) -> Camera:
    return Camera(10, 10, np.array([[10.0, 0, 5], [0, 10, 5], [0, 0, 1]]), np.eye(3), -np.array([x, y, z]))


def test_the_one_under_the_mouse_is_found() -> None:
    cameras = [standing_at(0, 0, 2), standing_at(1, 0, 2)]  # seen at (50, 40) and (75, 40)
    assert Frustums(cameras, 1.0).under(VIEW, 52, 41, 6) == 0
    assert Frustums(cameras, 1.0).under(VIEW, 75, 37, 6) == 1
    assert Frustums(cameras, 1.0).under(VIEW, 62, 40, 6) is None


def test_the_closer_of_two_behind_each_other_is_meant() -> None:
    assert Frustums([standing_at(0, 0, 9), standing_at(0, 0, 3)], 1.0).under(VIEW, 50, 40, 6) == 1


def test_cameras_behind_the_viewer_and_none_at_all() -> None:
    assert Frustums([standing_at(0, 0, -2), standing_at(0, 0, 0)], 1.0).under(VIEW, 50, 40, 6) is None
    assert Frustums([], 1.0).under(VIEW, 50, 40, 6) is None


def test_of_many_cameras_some_are_shown_from_the_first_to_the_last() -> None:
    cameras = [standing_at(k, 0, 5) for k in range(1000)]
    shown = Frustums(cameras, 1.0)
    assert len(shown.indices) == len(shown.segments) == MAX_FRUSTUMS
    assert (shown.indices[0], shown.indices[-1]) == (0, 999) and np.diff(shown.indices).max() <= 4
    np.testing.assert_array_equal(shown.centers[:, 0], shown.indices)
    np.testing.assert_array_equal(shown.segments[7], shown.of_camera(int(shown.indices[7])))
    few = Frustums(cameras[:5], 1.0)
    assert few.indices.tolist() == [0, 1, 2, 3, 4]
    hidden = np.array([False, True, False, False, True])
    np.testing.assert_array_equal(few.lines(hidden), np.concatenate([few.of_camera(k) for k in (0, 2, 3)]))
