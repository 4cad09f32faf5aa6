from __future__ import annotations

import math

import numpy as np
import pytest
import viser.transforms

from common.errors import InputError
from model.camera import Camera
from tests.factories import make_camera
from viewer.camera.control import OrbitCamera
from viewer.camera.state import state_from_camera
from viewer.serve.poses import MAX_PIXELS, camera_from_viser, canvas_size, pose_of, same_view

BOX = np.array([[-1.0, -1.0, 0.0], [1.0, 1.0, 2.0]])
UP = (0.0, 0.0, 1.0)


def test_a_camera_on_the_x_axis_that_looks_back_at_the_origin() -> None:
    """Right is +y, down is -z, forward is -x: the columns of viser's rotation from camera to world."""
    rotation = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    camera = camera_from_viser(viser.transforms.SO3.from_matrix(rotation).wxyz, (4.0, 0.0, 0.0), math.pi / 2, (200, 100))
    assert np.allclose(camera.K, np.array([[50, 0, 100], [0, 50, 50], [0, 0, 1]]))
    pixels, depth = camera.project([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert np.allclose(pixels, np.array([[100, 50], [112.5, 50], [100, 37.5]])) and np.allclose(depth, 4)


def test_random_cameras_agree_with_the_rotations_of_viser() -> None:
    random = np.random.default_rng()
    for _ in range(20):
        turn = viser.transforms.SO3(random.normal(size=4)).normalize()
        place = random.normal(size=3)
        camera = camera_from_viser(turn.wxyz * random.uniform(0.5, 2), place, 0.8, (64, 48))
        points = random.normal(size=(5, 3))
        assert np.allclose(points @ camera.R.T + camera.T, (points - place) @ turn.as_matrix())
        assert np.allclose(camera.center, place)


@pytest.mark.parametrize(
    ("wxyz", "position", "field_of_view", "size"),
    [
        ((0, 0, 0, 0), (0, 0, 0), 1.0, (64, 48)),
        ((1, 0, 0, math.nan), (0, 0, 0), 1.0, (64, 48)),
        ((1, 0, 0, 0), (math.inf, 0, 0), 1.0, (64, 48)),
        ((1, 0, 0, 0), (0, 0), 1.0, (64, 48)),
        ((1, 0, 0, 0), (0, 0, 0), 0.0, (64, 48)),
        ((1, 0, 0, 0), (0, 0, 0), math.nan, (64, 48)),
        ((1, 0, 0, 0), (0, 0, 0), 4.0, (64, 48)),
        ((1, 0, 0, 0), (0, 0, 0), 1.0, (0, 48)),
        ((1, 0, 0, 0), (0, 0, 0), 1.0, (64, 10**9)),
        ((1, 0, 0, 0), (0, 0, 0), 1.0, (-64, 48)),
    ],
)
def test_what_is_not_a_camera_is_refused(wxyz: tuple, position: tuple, field_of_view: float, size: tuple) -> None:
    with pytest.raises(InputError):
        camera_from_viser(wxyz, position, field_of_view, size)


def test_large_canvases_get_images_of_their_shape_with_fewer_pixels() -> None:
    assert canvas_size(640, 480) == (640, 480)
    assert canvas_size(5120, 2880) == (2560, 1440)
    width, height = canvas_size(16384, 100)
    assert width * height <= MAX_PIXELS * 1.01 and width / height == pytest.approx(163.84, rel=0.02)


def browser_camera(state_camera: Camera, pose_up: np.ndarray) -> np.ndarray:
    """Return the rotation, world to camera, that a look-at camera with this up direction has."""
    forward = state_camera.R[2]
    right = np.cross(forward, pose_up)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


@pytest.mark.parametrize("size", [(640, 480), (300, 700)])
def test_the_whole_scene_is_in_view(size: tuple[int, int]) -> None:
    orbit = OrbitCamera(BOX, UP)
    orbit.fit(*size)
    pose = pose_of(orbit.state, orbit.up, *size)
    expected = orbit.to_camera(*size)
    rotation = browser_camera(expected, pose.up)
    turn = viser.transforms.SO3.from_matrix(rotation.T)
    camera = camera_from_viser(turn.wxyz, pose.position, pose.field_of_view, size)
    assert same_view(camera, expected) and np.allclose(camera.K, expected.K)
    corners = [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (0, 2)]
    pixels, depth = camera.project(corners)
    assert (depth > 0).all() and (pixels >= 0).all() and (pixels <= size).all()


def test_capture_cameras_are_seen_as_they_are_with_a_level_orbit() -> None:
    camera = make_camera(64, 48, azimuth=1.0)
    pose = pose_of(state_from_camera(camera, BOX.mean(axis=0)), np.array(UP), 64, 48)
    assert np.allclose(pose.position, camera.center) and np.allclose(browser_camera(camera, pose.up), camera.R, atol=1e-6)
    assert pose.up @ np.array(UP) > 0.5
    assert np.allclose(np.cross(pose.look_at - pose.position, camera.R[2]), 0, atol=1e-9)


def test_a_camera_that_looks_straight_down_or_hangs_upside_down_keeps_its_own_up() -> None:
    for R in (np.diag([1.0, -1.0, -1.0]), np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])):
        camera = Camera(64, 48, np.array([[50.0, 0, 32], [0, 50.0, 24], [0, 0, 1]]), R, -R @ np.array([0.0, 0, 5.0]))
        pose = pose_of(state_from_camera(camera, BOX.mean(axis=0)), np.array(UP), 64, 48)
        assert np.allclose(pose.up, -R[1])


def test_the_same_view() -> None:
    camera = make_camera(64, 48, azimuth=1.0)
    assert same_view(camera, make_camera(640, 480, azimuth=1.0 + 1e-4))
    assert not same_view(camera, make_camera(64, 48, azimuth=1.01))
