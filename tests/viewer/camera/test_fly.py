"""Flying covers the same distance at any frame rate, and starts and stops smoothly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.camera.fly import FlyMotion


def way(steps: list[float], push: tuple[float, float, float] = (0, 0, 1), motion: FlyMotion | None = None) -> np.ndarray:
    motion = motion or FlyMotion(speed=2.0, time_constant=0.2)
    return sum((motion.advance(step, push) for step in steps), np.zeros(3))


@given(st.lists(st.floats(1e-4, 0.5), min_size=1, max_size=50))
def test_way_does_not_depend_on_the_frame_rate(steps: list[float]) -> None:
    one, many = FlyMotion(2.0, 0.2), FlyMotion(2.0, 0.2)
    np.testing.assert_allclose(way(steps, motion=many), way([sum(steps)], motion=one), atol=1e-9)
    np.testing.assert_allclose(many.velocity, one.velocity, atol=1e-9)


def test_way_is_the_integral_by_hand() -> None:
    # v(t) = 2 (1 - exp(-t / 0.2)), so x(1) = 2 (1 - 0.2 (1 - exp(-5)))
    np.testing.assert_allclose(way([1.0]), [0, 0, 2 * (1 - 0.2 * (1 - math.exp(-5)))])


def test_coasts_to_a_stop() -> None:
    motion = FlyMotion(2.0, 0.2)
    way([10.0], motion=motion)
    coasted = way([0.016] * 1000, push=(0, 0, 0), motion=motion)
    assert coasted[2] == pytest.approx(2.0 * 0.2, rel=1e-3)
    assert not motion.moving


def test_diagonal_is_not_faster() -> None:
    motion = FlyMotion(2.0, 0.0)
    assert np.linalg.norm(way([1.0], (1, 1, 1), motion)) == pytest.approx(2.0)
    assert np.linalg.norm(way([1.0], (0.5, 0, 0), motion)) == pytest.approx(1.0)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_ignores_a_broken_clock(seconds: float) -> None:
    assert not way([seconds]).any()
