"""The gizmo's matrices by hand and as inverses of each other, and the faces of crop boxes."""

from __future__ import annotations

import numpy as np
import pytest

from model.camera import Camera
from model.placement import Placement
from tests.factories import make_camera
from viewer.picture.placement_gizmo import (
    along_axis,
    face_centers,
    object_matrix,
    placement_of,
    position_step,
    projection_matrix,
    view_matrix,
    with_face,
)

random = np.random.default_rng()


def test_a_matrix_by_hand() -> None:
    """A quarter turn about z and twice the size: the pivot (1, 0, 0) comes to (0, 2, 0), then moves by (3, 4, 5)."""
    placement = Placement((3.0, 4.0, 5.0), (0.0, 0.0, 90.0), 2.0, 0.5)
    expected = [[0, -2, 0, 3], [2, 0, 0, 6], [0, 0, 2, 5], [0, 0, 0, 1]]
    assert object_matrix(placement, (1.0, 0.0, 0.0)) == pytest.approx(np.array(expected, float), abs=1e-12)
    moved = np.array(expected, float)
    moved[:3, 3] += (0.5, 0, -1)
    assert placement_of(moved, (1.0, 0.0, 0.0), placement).position == pytest.approx((3.5, 4.0, 4.0))


def test_the_turn_leaves_the_pivot_where_it_is() -> None:
    before = Placement((1.0, 2.0, 3.0), (10.0, 20.0, 30.0), 0.7)
    pivot = random.normal(size=3)
    matrix = object_matrix(before, pivot)
    matrix[:3, :3] = 0.7 * Placement(rotation=(5.0, -40.0, 170.0)).matrix
    after = placement_of(matrix, pivot, before)
    assert after.to_scene(pivot) == pytest.approx(before.to_scene(pivot), abs=1e-9)
    assert after.rotation == pytest.approx((5.0, -40.0, 170.0)) and after.scale == pytest.approx(0.7)


@pytest.mark.parametrize("about_y", [None, 90.0, -90.0])
def test_placements_are_read_as_they_were_written(about_y: float | None) -> None:
    angles = random.uniform(-180, 180, 3)
    angles[1] = random.uniform(-89, 89) if about_y is None else about_y
    placement = Placement(tuple(random.normal(size=3)), tuple(angles), float(np.exp(random.normal())), 1.5)
    pivot = random.normal(size=3)
    again = placement_of(object_matrix(placement, pivot).astype(np.float32), pivot, placement)  # as precise as ImGuizmo
    assert again.position == pytest.approx(placement.position, abs=1e-4) and again.time_offset == 1.5
    assert again.matrix == pytest.approx(placement.matrix, abs=1e-4) and again.scale == pytest.approx(placement.scale, rel=1e-5)
    assert abs(again.rotation[1]) <= 90


def test_one_scaled_axis_scales_the_whole_video() -> None:
    matrix = object_matrix(Placement(scale=2.0), (0.0, 0.0, 0.0)) @ np.diag([1.0, 1.5, 1.0, 1.0])
    assert placement_of(matrix, (0.0, 0.0, 0.0), Placement(scale=2.0)).scale == pytest.approx(3.0)
    huge = placement_of(matrix * 1e6, (0.0, 0.0, 0.0), Placement(scale=2.0))
    assert huge.scale == 1000.0


def test_projected_points_are_the_camera_s() -> None:
    """OpenGL's way to the screen gives the pixels of `Camera.project`, also with a principal point off the middle."""
    base = make_camera(200, 100)
    K = base.K.copy()
    K[:2, 2] += (13.0, -7.0)
    camera = Camera(200, 100, K, base.R, base.T)
    points = random.uniform((-1, -1, 0), (1, 1, 2), (5, 3))
    clip = np.c_[points, np.ones(5)] @ (projection_matrix(camera) @ view_matrix(camera)).T
    seen = clip[:, :2] / clip[:, 3:]
    assert np.c_[(seen[:, 0] + 1) * 100, (1 - seen[:, 1]) * 50] == pytest.approx(camera.project(points)[0], abs=1e-6)
    assert (np.abs(clip[:, 2]) < clip[:, 3]).all()


def test_the_mouse_on_an_axis() -> None:
    camera, origin, way = make_camera(200, 100), np.array([0.1, -0.2, 0.9]), np.array([0.0, 0.0, 0.4])
    pixel = camera.project(origin + 1.75 * way)[0]
    assert along_axis(camera, (pixel[0], pixel[1]), origin, way) == pytest.approx(1.75)
    eye, ray = camera.rays((50.0, 50.0))
    assert along_axis(camera, (50.0, 50.0), eye + ray, ray) is None


def test_faces_of_a_box() -> None:
    crop = ((-1.0, 0.0, 2.0), (1.0, 4.0, 3.0))
    centers = face_centers(crop)
    assert centers[0].tolist() == [[-1, 2, 2.5], [0, 0, 2.5], [0, 2, 2]]
    assert centers[1].tolist() == [[1, 2, 2.5], [0, 4, 2.5], [0, 2, 3]]
    assert with_face(crop, 1, 1, 5.5) == ((-1, 0, 2), (1, 5.5, 3))
    assert with_face(crop, 0, 0, 7.0) == ((pytest.approx(0.999), 0, 2), (1, 4, 3)), "a face stops at the opposite one"
    assert with_face(crop, 1, 2, -7.0) == ((-1, 0, 2), (1, 4, pytest.approx(2.001)))


@pytest.mark.parametrize(
    ("size", "step"),
    [(2.0, 0.1), (1.7, 0.1), (20.0, 1.0), (0.9, 0.05), (4.0, 0.2), (150.0, 10.0), (0.01, 0.0005), (1.5e5, 1e4)],
)
def test_steps_of_the_position_by_hand(size: float, step: float) -> None:
    assert position_step(size) == pytest.approx(step)


def test_steps_of_the_position_are_nice_fractions() -> None:
    for size in 10.0 ** random.uniform(-4, 6, 100):
        step = position_step(size)
        assert f"{step:.0e}"[0] in "125" and 0.6 < step * 20 / size < 1.6
