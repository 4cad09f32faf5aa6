"""Yaw, pitch and roll: known directions, round trips, the poles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.camera.rotations import angles_from_rotation, axis_angle, basis_of_up, rotation_from_angles, unit

UPS = [(0, 0, 1), (0, 1, 0), (0, -1, 0), (1, 2, 3)]
angle = st.floats(-3.1, 3.1)


def test_known_directions() -> None:
    right, down, forward = rotation_from_angles(0.0, 0.0, 0.0, (0, 0, 1))
    np.testing.assert_allclose([forward, right, down], [[1, 0, 0], [0, -1, 0], [0, 0, -1]], atol=1e-12)
    forward = rotation_from_angles(0.0, math.radians(30), 0.0, (0, 0, 1))[2]
    np.testing.assert_allclose(forward, [math.cos(math.radians(30)), 0, 0.5], atol=1e-12)


def test_positive_roll_turns_the_camera_clockwise() -> None:
    right, _, _ = rotation_from_angles(0.0, 0.0, math.radians(90), (0, 0, 1))
    np.testing.assert_allclose(right, [0, 0, -1], atol=1e-12)  # its right side points down


@pytest.mark.parametrize("up", UPS)
def test_basis_is_right_handed(up: tuple[float, float, float]) -> None:
    basis = basis_of_up(up)
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(basis) == pytest.approx(1)
    np.testing.assert_allclose(basis[2], unit(up))


@given(angle, st.floats(-1.5, 1.5), angle, st.sampled_from(UPS))
def test_round_trip(yaw: float, pitch: float, roll: float, up: tuple[float, float, float]) -> None:
    rotation = rotation_from_angles(yaw, pitch, roll, up)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) > 0
    np.testing.assert_allclose(angles_from_rotation(rotation, up), (yaw, pitch, roll), atol=1e-6)


@given(angle, st.sampled_from([-1, 1]), st.sampled_from(UPS))
def test_poles_keep_the_heading(yaw: float, pole: int, up: tuple[float, float, float]) -> None:
    rotation = rotation_from_angles(yaw, pole * math.pi / 2, 0.0, up)
    np.testing.assert_allclose(angles_from_rotation(rotation, up), (yaw, pole * math.pi / 2, 0.0), atol=1e-6)


def test_axis_angle() -> None:
    np.testing.assert_allclose(axis_angle((0, 0, 2), math.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("vector", [(0, 0, 0), (math.nan, 0, 1), (math.inf, 0, 0)])
def test_unit_refuses_what_has_no_direction(vector: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="direction"):
        unit(vector)
