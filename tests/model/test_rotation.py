"""Quaternions, matrices and rotation vectors: hand-computed values, and SciPy's on random ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from model.rotation import (
    inverse,
    matrix_from_quaternion,
    multiply,
    quaternion_from_matrix,
    quaternion_from_vector,
    vector_from_quaternion,
)

seeds = st.integers(0, 10_000)


def scalar_first(rotation: Rotation) -> np.ndarray:
    quaternion = np.roll(rotation.as_quat(), 1, axis=-1)
    return np.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def test_a_quarter_turn_about_z() -> None:
    half = math.sqrt(0.5)
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(quaternion_from_matrix(quarter), [half, 0, 0, half], atol=1e-15)
    for length in (2, 1e300, 1e-300):  # any length; the squares of the last two overflow and vanish
        np.testing.assert_allclose(matrix_from_quaternion([length, 0, 0, length]), quarter, atol=1e-15)
    np.testing.assert_allclose(quaternion_from_vector([0, 0, math.pi / 2]), [half, 0, 0, half], atol=1e-15)
    np.testing.assert_allclose(vector_from_quaternion([-half, 0, 0, -half]), [0, 0, math.pi / 2], atol=1e-15)


def test_products_apply_the_second_first() -> None:
    i, j, k = [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]
    np.testing.assert_array_equal(multiply(i, j), k)
    np.testing.assert_array_equal(multiply(j, i), np.negative(k))


@given(seeds)
def test_every_conversion_is_that_of_scipy(seed: int) -> None:
    rotations = Rotation.random(5, random_state=seed)
    quaternions = scalar_first(rotations)
    np.testing.assert_allclose(matrix_from_quaternion(quaternions), rotations.as_matrix(), atol=1e-14)
    np.testing.assert_allclose(vector_from_quaternion(quaternions), rotations.as_rotvec(), atol=1e-13)
    np.testing.assert_allclose(quaternion_from_vector(rotations.as_rotvec()), quaternions, atol=1e-14)
    # A half turn has two quaternions; compare what both rotate.
    again = matrix_from_quaternion(quaternion_from_matrix(rotations.as_matrix()))
    np.testing.assert_allclose(again, rotations.as_matrix(), atol=1e-14)
    products = multiply(quaternions, quaternions[::-1])
    np.testing.assert_allclose(matrix_from_quaternion(products), (rotations * rotations[::-1]).as_matrix(), atol=1e-14)
    np.testing.assert_allclose(multiply(quaternions, inverse(quaternions)), [[1, 0, 0, 0]] * 5, atol=1e-14)


@given(seeds, st.sampled_from([0.0, 1e-300, 1e-12, 1e-8, 1e-4, math.pi - 1e-9, math.pi]))
def test_small_and_half_turns_are_exact(seed: int, angle: float) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    vector = angle * axis / np.linalg.norm(axis)
    quaternion = quaternion_from_vector(vector)
    found = vector_from_quaternion(quaternion)
    assert min(np.abs(found - vector).max(), np.abs(found + vector).max() + (math.pi - angle) * 2) <= 1e-12
    matrix = Rotation.from_rotvec(vector).as_matrix()
    np.testing.assert_allclose(matrix_from_quaternion(quaternion_from_matrix(matrix)), matrix, atol=1e-14)


def test_a_rounded_matrix_gives_a_rotation_close_to_it() -> None:
    matrix = Rotation.random(random_state=3).as_matrix()
    rounded = matrix.round(3)
    found = matrix_from_quaternion(quaternion_from_matrix(rounded))
    np.testing.assert_allclose(found, rounded, atol=1e-3)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-14)


@pytest.mark.parametrize("quaternion", [[0, 0, 0, 0], [math.nan, 0, 0, 1], [math.inf, 0, 0, 0]])
def test_what_is_no_rotation_is_refused(quaternion: list[float]) -> None:
    with pytest.raises(ValueError, match="zero or not finite"):
        matrix_from_quaternion(quaternion)
