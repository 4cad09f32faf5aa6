"""Calibrations of other conventions give the same cameras; meta.yaml overrides what the files say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import InputError
from common.validation import validated
from model.camera import Camera
from training.captures.calibration import Similarity, calibrate, conventions_of, world_to_camera
from training.captures.description import Conventions, RawCamera
from training.captures.meta import CameraMeta, CaptureMeta, camera_index

PATH = Path("meta.yaml")


def random_camera(rng: np.random.Generator) -> Camera:
    eye = rng.uniform(-3, 3, 3)
    K = np.array([[90 + rng.uniform(0, 9), 0, 41], [0, 95, 29 + rng.uniform(0, 3)], [0, 0, 1]])
    pose = Camera.look_at(eye, eye + rng.normal(size=3), rng.normal(size=3), 1.0, 80, 60)
    return Camera(80, 60, K, pose.R, pose.T)


def meta(**values: object) -> CaptureMeta:
    return validated(CaptureMeta, values, "meta")


def raw(camera: Camera, **changes: Any) -> RawCamera:
    described = RawCamera("a", camera.K, np.zeros(5), camera.R, camera.T, (camera.width, camera.height))
    return dataclasses.replace(described, **changes)


def same(left: Camera, right: Camera) -> None:
    assert (left.width, left.height) == (right.width, right.height)
    for name in ("K", "R", "T"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), atol=1e-9)


HALF = Conventions(pixel_center=0.5)


def test_each_convention_gives_the_same_camera() -> None:
    camera = random_camera(np.random.default_rng())
    shift = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    flip = np.diag([1.0, -1, -1])
    variants = [
        (raw(camera), HALF),
        (raw(camera, K=camera.K - shift), Conventions()),
        (raw(camera, T=camera.T * 1000), dataclasses.replace(HALF, units_per_meter=1000)),
        (raw(camera, R=camera.R.T, T=camera.center), dataclasses.replace(HALF, pose="camera_to_world")),
        (raw(camera, R=camera.R.T @ flip, T=camera.center), dataclasses.replace(HALF, pose="camera_to_world", axes="opengl")),
    ]
    for described, conventions in variants:
        same(calibrate(described, (80, 60), conventions, CameraMeta(), None)[0], camera)


@pytest.mark.parametrize(
    ("pose", "axes", "written"),
    [
        ("transposed_rotation", "opencv", lambda R, T: (R.T, T)),
        ("camera_center", "opencv", lambda R, T: (R, -R.T @ T)),
        ("world_to_camera", "opengl_rotation", lambda R, T: (np.diag([1, -1, -1]) @ R, T)),
        ("camera_to_world", "opengl", lambda R, T: (R.T @ np.diag([1, -1, -1]), -R.T @ T)),
    ],
)
def test_poses_that_are_mistakes_can_be_named(pose: str, axes: str, written: Any) -> None:
    camera = random_camera(np.random.default_rng())
    of_file = written(camera.R, camera.T)
    rotation, translation = world_to_camera(of_file[0], of_file[1], pose, axes)
    assert rotation == pytest.approx(camera.R) and translation == pytest.approx(camera.T)


def test_a_transform_moves_points_and_cameras_together() -> None:
    rng = np.random.default_rng()
    camera, turn = random_camera(rng), random_camera(rng).R
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = 2.5 * turn, rng.normal(size=3)
    transform = Similarity.of_matrix(matrix, PATH)
    moved, _ = calibrate(raw(camera), (80, 60), HALF, CameraMeta(), transform)
    points = camera.center + rng.uniform(2, 4, (9, 1)) * camera.rays(rng.uniform(0, 60, (9, 2)))[1]
    np.testing.assert_allclose(moved.project(transform.points(points))[0], camera.project(points)[0], atol=1e-8)
    np.testing.assert_allclose(transform.points(points), points @ matrix[:3, :3].T + matrix[:3, 3])


@pytest.mark.parametrize("linear", [np.diag([1.0, 1, -1]), np.diag([1.0, 2, 1]), np.zeros((3, 3))])
def test_a_transform_that_mirrors_or_shears_is_refused(linear: NDArray[np.float64]) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    with pytest.raises(InputError, match=r"meta\.yaml: transform must be"):
        Similarity.of_matrix(matrix, PATH)


def test_images_of_half_the_size_halve_the_intrinsics() -> None:
    camera = random_camera(np.random.default_rng())
    same(calibrate(raw(camera), (40, 30), HALF, CameraMeta(), None)[0], camera.resized(40, 30))
    same(calibrate(raw(camera, size=None), (40, 30), HALF, CameraMeta(size=(80, 60)), None)[0], camera.resized(40, 30))


def test_cropped_images_shift_the_center_by_what_was_cut_off() -> None:
    camera = random_camera(np.random.default_rng())
    for fit, (x, y) in (("crop", (4, 2)), ((3.0, 0.0), (3, 0)), ("same", (0, 0))):
        cropped, _ = calibrate(raw(camera), (72, 56), HALF, CameraMeta(fit=fit), None)
        np.testing.assert_allclose(cropped.K[:2, 2], camera.K[:2, 2] - [x, y])
    with pytest.raises(InputError, match="72x60, but the calibration is for 80x60"):
        calibrate(raw(camera), (72, 60), HALF, CameraMeta(), None)


def test_overrides_of_a_camera() -> None:
    rng = np.random.default_rng()
    camera, other = random_camera(rng), random_camera(rng)
    pose = validated(CameraMeta, {"K": other.K.tolist(), "R": other.R.tolist(), "T": other.T.tolist()}, "meta")
    same(calibrate(raw(camera), (80, 60), HALF, pose, None)[0], other)
    bent = raw(camera, D=np.array([0.1, 0, 0, 0, 0]))
    assert calibrate(bent, (80, 60), HALF, CameraMeta(), None)[1].undistortion.distorts
    assert not calibrate(bent, (80, 60), HALF, CameraMeta(lens="none"), None)[1].undistortion.distorts
    assert calibrate(bent, (80, 60), HALF, CameraMeta(lens="fisheye"), None)[1].undistortion.fisheye
    with pytest.raises(InputError, match="4 or 5 coefficients, not 3"):
        calibrate(bent, (80, 60), HALF, CameraMeta(D=(1.0, 0.0, 0.0)), None)


def test_units_of_the_world_and_of_the_cameras() -> None:
    millimeters = Conventions(units_per_meter=1000)  # of translations; vertices are in meters
    assert conventions_of(millimeters, meta(units="m")).units_per_meter == 1000
    assert conventions_of(millimeters, meta(camera_units="m")).units_per_meter == 1
    assert conventions_of(Conventions(), meta(units="cm")).units_per_meter == 100
    assert conventions_of(Conventions(), meta(units=0.25)).vertex_units_per_meter == 4
    assert conventions_of(Conventions(up_axis="-y"), CaptureMeta()).up_axis == "-y"


def test_cameras_are_meant_by_name_by_number_or_by_index() -> None:
    assert camera_index("03", ["01", "02", "03"], PATH) == 2
    assert camera_index("3", ["01", "02", "03"], PATH) == 2  # YAML reads 03 as the number 3
    assert camera_index("1", ["left", "right"], PATH) == 1
    for key in ("4", "0", "up"):
        with pytest.raises(InputError, match=f"there is no camera {key}; the cameras are 01, 02, 03"):
            camera_index(key, ["01", "02", "03"], PATH)
