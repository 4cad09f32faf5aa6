"""Capture cameras under the mouse, by hand-computed pixels."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from viewer.picture.picking import camera_under

VIEW = Camera(100, 80, np.array([[50.0, 0, 50], [0, 50, 40], [0, 0, 1]]), np.eye(3), np.zeros(3))
"""A camera at the origin that looks along z."""


def standing_at(x: float, y: float, z: float) -> Camera:
    return Camera(10, 10, np.array([[10.0, 0, 5], [0, 10, 5], [0, 0, 1]]), np.eye(3), -np.array([x, y, z]))


def test_the_one_under_the_mouse_is_found() -> None:
    cameras = [standing_at(0, 0, 2), standing_at(1, 0, 2)]  # seen at (50, 40) and (75, 40)
    assert camera_under(cameras, VIEW, 52, 41, 6) == 0
    assert camera_under(cameras, VIEW, 75, 37, 6) == 1
    assert camera_under(cameras, VIEW, 62, 40, 6) is None


def test_the_closer_of_two_behind_each_other_is_meant() -> None:
    assert camera_under([standing_at(0, 0, 9), standing_at(0, 0, 3)], VIEW, 50, 40, 6) == 1


def test_cameras_behind_the_viewer_and_none_at_all() -> None:
    assert camera_under([standing_at(0, 0, -2), standing_at(0, 0, 0)], VIEW, 50, 40, 6) is None
    assert camera_under([], VIEW, 50, 40, 6) is None
