"""Convert camera states to cameras: capture cameras are reproduced exactly, and windows of other shapes show all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.camera import Camera
from viewer.camera.rotations import rotation_from_angles
from viewer.camera.state import CameraState, state_from_camera


def odd_camera() -> Camera:
    """Return a capture camera with everything that capture cameras have: roll, an off-center principal point, fx unlike fy."""
    K = np.array([[700.0, 0.3, 290.0], [0, 720.0, 260.0], [0, 0, 1]])
    R = rotation_from_angles(0.7, -0.2, 0.4, (0, 0, 1))
    return Camera(640, 480, K, R, np.array([0.1, 0.2, 3.0]))


def test_by_hand() -> None:
    state = CameraState(np.zeros(3), 4.0, rotation_from_angles(0.0, 0.0, 0.0, (0, 0, 1)), math.radians(90))
    camera = state.to_camera(200, 100)
    np.testing.assert_allclose(camera.K, [[50, 0, 100], [0, 50, 50], [0, 0, 1]])
    np.testing.assert_allclose(camera.center, [-4, 0, 0], atol=1e-12)


def test_capture_camera_is_restored_exactly() -> None:
    camera = odd_camera()
    state = state_from_camera(camera, (0, 0, 0))
    assert state.to_camera(640, 480) is camera
    for name in ("K", "R", "T"):
        np.testing.assert_array_equal(getattr(state.to_camera(1280, 960), name), getattr(camera.fitted(1280, 960), name))


@pytest.mark.parametrize("size", [(640, 480), (300, 900), (1600, 400)])
def test_first_move_does_not_jump(size: tuple[int, int]) -> None:
    camera = odd_camera()
    state = state_from_camera(camera, (0, 0, 0))
    before, after = state.to_camera(*size), state.replaced().to_camera(*size)
    np.testing.assert_allclose(after.center, camera.center, atol=1e-9)
    np.testing.assert_allclose(after.R, camera.R, atol=1e-9)
    np.testing.assert_allclose(after.K[:2, 2], before.K[:2, 2], atol=1e-6)
    assert after.K[1, 1] == pytest.approx(before.K[1, 1])
    assert after.K[0, 0] == after.K[1, 1], "pixels are square once it moves"


def test_target_is_the_nearest_point_of_the_axis() -> None:
    camera = Camera.look_at((5, 0, 0), (0, 0, 0), (0, 0, 1), 0.8, 64, 64)
    state = state_from_camera(camera, (1, 7, -3))
    np.testing.assert_allclose(state.target, [1, 0, 0], atol=1e-9)
    behind = state_from_camera(camera, (9, 0, 0))
    assert behind.distance == 1.0


def test_from_eye_moves_in_parallel() -> None:
    state = state_from_camera(odd_camera(), (0, 0, 0))
    moved = state.from_eye((1, 2, 3))
    np.testing.assert_allclose(moved.eye, [1, 2, 3], atol=1e-12)
    np.testing.assert_array_equal(moved.rotation, state.rotation)
    assert moved.snapped is None
