"""Cameras of other programs: hand-computed pixels, and agreement with one another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from common.errors import InputError
from model.camera import Camera
from model.camera_conventions import from_blender, from_colmap, from_nerf, from_opengl

POINT = (0.5, 0.25, -2.0)
"""In front of a camera at the origin that looks along -z, to the right and above its axis."""


def pixel(camera: Camera, point: tuple[float, float, float] = POINT) -> list[float]:
    position, depth = camera.project(point)
    return [*np.round(position, 6).tolist(), round(float(depth), 6)]


def test_nerf() -> None:
    # A field of view of 90 degrees over 100 pixels: the focal length is 50.
    # x = 50 + 50 * 0.5 / 2; y = 40 - 50 * 0.25 / 2, because rows count downwards.
    assert pixel(from_nerf(100, 80, np.eye(4), np.pi / 2)) == [62.5, 33.75, 2.0]


def test_opengl() -> None:
    projection = np.array([[1.0, 0, 0.2, 0], [0, 1.25, -0.1, 0], [0, 0, -1, -0.2], [0, 0, -1, 0]])
    view = np.eye(4)
    # Clip coordinates of the point: (0.5 - 0.4, 0.3125 + 0.2, ., 2), so (0.05, 0.25625) in [-1, 1].
    assert pixel(from_opengl(100, 80, view, projection)) == [52.5, round(40 * (1 - 0.25625), 6), 2.0]


def test_blender() -> None:
    # 18 mm of 36 mm over 100 pixels: the focal length is 50. A shift to the right moves the image to the left.
    assert pixel(from_blender(100, 80, np.eye(4), 18.0)) == [62.5, 33.75, 2.0]
    assert pixel(from_blender(100, 80, np.eye(4), 18.0, shift=(0.1, 0.05))) == [52.5, 38.75, 2.0]
    # An upright image: the longer side is the sensor's width.
    assert from_blender(80, 100, np.eye(4), 18.0).K[0, 0] == 50


def test_colmap() -> None:
    # A quarter turn about x takes y to z: the camera looks along the world's y.
    half = np.sqrt(0.5)
    camera = from_colmap(100, 80, 50.0, (50, 40), (half, half, 0, 0), (0, 0, 3))
    assert pixel(camera, (1.0, 2.0, 0.5)) == [60.0, 35.0, 5.0]


def test_they_agree_about_a_random_camera() -> None:
    rng = np.random.default_rng()
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.random(random_state=rng.integers(1 << 31)).as_matrix(), rng.normal(size=3)
    angle = float(rng.uniform(0.3, 2.0))
    nerf = from_nerf(64, 48, pose, angle)
    focal = nerf.K[0, 0]
    blender = from_blender(64, 48, pose, focal / 64 * 36)
    projection = np.array([[2 * focal / 64, 0, 0, 0], [0, 2 * focal / 48, 0, 0], [0, 0, -1, -0.1], [0, 0, -1, 0]])
    opengl = from_opengl(64, 48, np.linalg.inv(pose), projection)
    x, y, z, w = Rotation.from_matrix(nerf.R).as_quat()
    colmap = from_colmap(64, 48, focal, (32, 24), 3 * np.array([w, x, y, z]), nerf.T)
    for other in (blender, opengl, colmap):
        np.testing.assert_allclose(other.K, nerf.K, atol=1e-9)
        np.testing.assert_allclose(other.R, nerf.R, atol=1e-9)
        np.testing.assert_allclose(other.T, nerf.T, atol=1e-9)


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InputError, match=r"last row 0, 0, -1, 0; transpose it"):
        from_opengl(64, 48, np.eye(4), np.eye(4))
    with pytest.raises(InputError, match="quaternion: is zero or not finite"):
        from_colmap(64, 48, 50, (32, 24), (0, 0, 0, 0), (0, 0, 0))
    with pytest.raises(InputError, match="pose: must have the shape"):
        from_nerf(64, 48, np.eye(3), 1.0)
    with pytest.raises(InputError, match="must be above 0 and below pi"):
        from_nerf(64, 48, np.eye(4), 180.0)
    with pytest.raises(InputError, match="R: is not a rotation"):
        from_blender(64, 48, np.diag([2.0, 2.0, 2.0, 1.0]), 35.0)
