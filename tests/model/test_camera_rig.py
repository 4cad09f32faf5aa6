"""Plans and figures of a capture's cameras, with numbers computed by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from model.camera import Camera
from model.camera_plan import MARGIN, make_plan
from model.camera_rig import camera_figures, suspicions

BOX = np.array([[-1.0, -1.0, 0.0], [1.0, 1.0, 2.0]])


def camera(x: float, y: float, z: float = 1.0) -> Camera:
    return Camera.look_at(np.array([x, y, z]), np.array([0.0, 0.0, 1.0]), (0, 0, 1), np.pi / 2, 100, 100)


def test_figures_of_a_ring() -> None:
    figures = camera_figures([camera(4, 0), camera(0, 4), camera(-4, 0), camera(2 * 2**0.5, 2 * 2**0.5)], BOX)
    assert [f.distance for f in figures] == pytest.approx([4, 4, 4, 4])
    assert [f.neighbor_angle for f in figures] == pytest.approx([45, 45, 90, 45])
    assert figures[0].field_of_view == pytest.approx(90) and figures[0].corners == 8
    assert figures[0].pixel == pytest.approx(80)  # 8 m over 100 pixels
    assert not suspicions(figures[0])


def test_unusual_facts_are_reported() -> None:
    inside, away = camera(-1.5, 0), camera(0, 4)
    turned = dataclasses.replace(away, R=np.diag([-1.0, 1.0, -1.0]) @ away.R, T=np.diag([-1.0, 1.0, -1.0]) @ away.T)
    near, behind, copy, other = camera_figures([inside, turned, camera(4, 0), camera(4, 0)], BOX)
    assert 0 < near.corners < 8 and not suspicions(near)  # a close-up is nothing unusual
    assert behind.corners == 0 and "does not see the middle" in suspicions(behind)[0]
    assert "may be a copy" in suspicions(copy)[0] and suspicions(copy) == suspicions(other)
    assert np.isnan(camera_figures([camera(4, 0)], BOX)[0].neighbor_angle)


@pytest.mark.parametrize("side", [False, True])
def test_a_plan_shows_everything_to_scale(side: bool) -> None:
    points = np.random.default_rng(5).normal(size=(20, 3)) * [3, 2, 1] + np.array([5, 6, 7])
    plan = make_plan(points, np.array([0.0, 0.0, 1.0]), side, (300.0, 200.0))
    flat = plan(points)
    assert (flat >= MARGIN - 1e-6).all() and (flat <= np.array([300, 200]) - MARGIN + 1e-6).all()
    assert plan.width_in_meters == pytest.approx(300 / plan.scale)
    up = plan(points + np.array([0, 0, 0.1])) - flat
    np.testing.assert_allclose(up, np.tile([0, -0.1 * plan.scale if side else 0], (20, 1)), atol=1e-9)
    distances = np.linalg.norm(plan(points + np.array([0.1, 0, 0])) - flat, axis=1)
    assert side or distances == pytest.approx(np.full(20, 0.1 * plan.scale))
