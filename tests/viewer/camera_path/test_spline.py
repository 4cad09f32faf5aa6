"""Splines: exact at keyframes, smooth across them, known curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from model.rotation import matrix_from_quaternion, quaternion_from_matrix
from tests.factories import make_camera
from viewer.camera_path.spline import blend_cameras, cardinal, cardinal_rotation, monotone_value

TIMES = [0.0, 1.0, 2.5, 3.0]
weights = st.floats(0, 1)
tensions = st.floats(0, 1)


def turned(keys: list[Rotation], times: list[float], weight: float, tension: float) -> Rotation:
    quaternions = quaternion_from_matrix([key.as_matrix() for key in keys])
    return Rotation.from_matrix(matrix_from_quaternion(cardinal_rotation(quaternions, times, weight, tension)))


def points(seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).normal(size=(4, 3)))


@given(st.integers(0, 99), tensions)
def test_cardinal_passes_its_points(seed: int, tension: float) -> None:
    p = points(seed)
    np.testing.assert_allclose(cardinal(p, TIMES, 0.0, tension), p[1])
    np.testing.assert_allclose(cardinal(p, TIMES, 1.0, tension), p[2])


@given(weights)
def test_cardinal_reproduces_parabolas_at_uneven_times(weight: float) -> None:
    curve = [np.array([t, t * t, 1.0]) for t in TIMES]
    time = TIMES[1] + weight * (TIMES[2] - TIMES[1])
    np.testing.assert_allclose(cardinal(curve, TIMES, weight, 0.0), [time, time * time, 1.0], atol=1e-12)


@given(st.integers(0, 99), weights)
def test_full_tension_is_a_straight_line(seed: int, weight: float) -> None:
    p = points(seed)
    on_line = np.cross(cardinal(p, TIMES, weight, 1.0) - p[1], p[2] - p[1])
    np.testing.assert_allclose(on_line, 0, atol=1e-12)


def test_speed_is_continuous_across_a_keyframe() -> None:
    p = list(np.random.default_rng(1).normal(size=(5, 3)))
    times = [0.0, 1.0, 2.5, 3.0, 5.0]
    h = 1e-6
    left = (cardinal(p[:4], times[:4], 1.0, 0.3) - cardinal(p[:4], times[:4], 1 - h, 0.3)) / (h * 1.5)
    right = (cardinal(p[1:], times[1:], h, 0.3) - cardinal(p[1:], times[1:], 0.0, 0.3)) / (h * 0.5)
    np.testing.assert_allclose(left, right, atol=1e-4)


def test_rotation_spline_passes_its_keys_and_is_smooth() -> None:
    keys = list(Rotation.random(5, random_state=3))
    times = [0.0, 1.0, 2.5, 3.0, 5.0]
    assert (keys[1].inv() * turned(keys[:4], times[:4], 0.0, 0.0)).magnitude() < 1e-9
    assert (keys[2].inv() * turned(keys[:4], times[:4], 1.0, 0.0)).magnitude() < 1e-9
    h = 1e-5
    before = turned(keys[:4], times[:4], 1 - h, 0.0)
    after = turned(keys[1:], times[1:], h, 0.0)
    left, right = (before.inv() * keys[2]).as_rotvec() / (1.5 * h), (keys[2].inv() * after).as_rotvec() / (0.5 * h)
    np.testing.assert_allclose(left, right, atol=1e-3)


@given(weights)
def test_steady_turn_stays_steady(weight: float) -> None:
    keys = [Rotation.from_rotvec([0, 0, 0.4 * t]) for t in TIMES]
    angle = turned(keys, TIMES, weight, 0.0).as_rotvec()
    np.testing.assert_allclose(angle, [0, 0, 0.4 * (1.0 + 1.5 * weight)], atol=1e-9)


def test_rotation_takes_the_short_way() -> None:
    keys = [Rotation.from_rotvec([0, 0, a]) for a in (3.0, 3.0, -3.0, -3.0)]
    middle = turned(keys, [0, 0, 1, 1], 0.5, 1.0)
    assert (Rotation.from_rotvec([0, 0, math.pi]).inv() * middle).magnitude() < 1e-9


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(-1, 9))
def test_monotone_values_overshoot_nothing(values: list[float], time: float) -> None:
    times = [float(i) for i in range(len(values))]
    value = monotone_value(times, values, time)
    left = min(max(math.floor(time), 0), len(values) - 1)
    right = min(max(math.ceil(time), 0), len(values) - 1)
    low, high = sorted((values[left], values[right]))
    assert low - 1e-9 <= value <= high + 1e-9


@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.floats(-5, 5)), min_size=2, max_size=7),
    st.floats(0, 1),
)
def test_monotone_values_are_those_of_scipy(steps: list[tuple[float, float]], part: float) -> None:
    times = np.cumsum([step for step, _ in steps])
    values = np.array([value for _, value in steps])
    assume(not (np.abs(np.diff(values)) < 1e-3).any() or len(values) == 2)  # products of smaller slopes underflow
    time = times[0] + part * (times[-1] - times[0])
    expected = PchipInterpolator(times, values)(time)
    assert monotone_value(times.tolist(), values.tolist(), time) == pytest.approx(float(expected), abs=1e-9)


def test_monotone_values_through_a_plateau() -> None:
    """By hand: the slopes at times 1 and 2 are 0, that at 0 is (3 * 2 - 0) / 2 = 3."""
    times, values = [0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 2.0, 5.0]
    assert monotone_value(times, values, 1.5) == 2.0
    assert monotone_value(times, values, 0.5) == pytest.approx(1.0 + 0.5 * 0.25 * 3)


def test_monotone_values_of_a_line_are_the_line() -> None:
    assert monotone_value([0, 1, 3], [2, 4, 8], 2.25) == pytest.approx(6.5)


def test_focal_length_blends_in_its_logarithm() -> None:
    near, far = make_camera(64, 64), make_camera(64, 64)
    far = type(far)(64, 64, np.diag([4.0, 4.0, 1.0]) @ near.K, near.R, near.T)
    middle = blend_cameras([near, near, far, far], [0, 0, 1, 1], 0.5, 0.0)
    assert middle.K[1, 1] == pytest.approx(2 * near.K[1, 1])
    np.testing.assert_allclose(middle.center, near.center)
