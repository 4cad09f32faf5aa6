"""Which cameras cannot see a box."""

from __future__ import annotations

import numpy as np
import pytest

from model.camera import Camera
from model.visibility import why_unseen

BOX = [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]
K = np.array([[100.0, 0.0, 50.0], [0.0, 100.0, 40.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("T", "fault"),
    [
        ([0, 0, 5], ""),
        ([0, 0, 0], ""),  # inside
        ([3.9, 0, 5], ""),  # the left edge of the box, at x = 2.9 and depth 6, lies at pixel 98.3 of 100
        ([5.1, 0, 5], "the scene is 5 m away, outside of this camera's image"),  # at 4.1 / 6, pixel 118.3
        ([0, -5, 5], "the scene is 5 m away, outside of this camera's image"),
        ([0, 0, -1.5], "the scene is 1.5 m behind this camera"),
        ([0, 0, -0.5], ""),
        ([0, 0, 190], ""),
        ([0, 0, 210], "the scene is 210 m away and smaller than a pixel"),
    ],
)
def test_reasons(T: list[float], fault: str) -> None:
    found = why_unseen(Camera(100, 80, K, np.eye(3), np.array(T, float)), BOX)
    assert found.startswith(fault) and bool(found) == bool(fault)


def test_cameras_of_a_dome_see_their_scene() -> None:
    """None is so far away that the ball of 2 m in the box has less than 1.1 pixels."""
    rng = np.random.default_rng()
    for _ in range(200):
        angle = rng.uniform(0.2, 2.0)
        farthest = min(30.0, 2 / 1.1 * 20 / np.tan(angle / 2))
        eye = rng.normal(size=3) + rng.choice([0, 20]) * np.eye(3)[rng.integers(3)]  # also along an axis
        eye *= rng.uniform(1.8, farthest) / np.linalg.norm(eye)
        assert why_unseen(Camera.look_at(eye, rng.uniform(-0.5, 0.5, 3), (0, 0, 1), angle, 60, 40), BOX) == ""
