"""Orbit and spiral: on the circle, everything in view, in the right direction, with the horizon level."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from model.box import box_corners
from viewer.camera.control import fitting_distance
from viewer.camera.rotations import rotation_from_angles, unit
from viewer.camera_path import presets
from viewer.camera_path.presets import orbit_camera, orbit_path, spiral_path
from viewer.panels.path_track import label_step

BOX = np.array([[-0.6, -0.4, 0.0], [0.5, 0.7, 1.9]])
CENTER = BOX.mean(axis=0)
UPS = [(0, 0, 1), (0, -1, 0), (0.2, 1, 0.1)]


def corner_pixels(camera: object, box: np.ndarray) -> np.ndarray:
    corners = np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    projected = (corners @ camera.R.T + camera.T) @ camera.K.T  # type: ignore[attr-defined]
    assert (projected[:, 2] > 0).all()
    return projected[:, :2] / projected[:, 2:]


@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("size", [(320, 180), (100, 300)])
def test_orbit_is_a_circle_with_everything_in_view(up: tuple[float, float, float], size: tuple[int, int]) -> None:
    distances, heights = [], []
    for turn in np.linspace(0, 1, 24, endpoint=False):
        camera = orbit_camera(BOX, up, float(turn), *size)
        pixels = corner_pixels(camera, BOX)
        assert (pixels >= 0).all() and (pixels <= size).all()
        distances.append(np.linalg.norm(camera.center - CENTER))
        heights.append((camera.center - CENTER) @ unit(up))
        assert camera.R[0] @ unit(up) == pytest.approx(0, abs=1e-9), "the horizon is level"
        assert camera.R[1] @ unit(up) < 0, "up is up"
    assert np.ptp(distances) < 1e-9 and np.ptp(heights) < 1e-9
    assert heights[0] == pytest.approx(distances[0] * math.sin(math.radians(10)))


@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("elevation", [math.radians(10), math.radians(-50)])
def test_an_orbit_is_as_near_as_the_widest_side_allows(up: tuple[float, float, float], elevation: float) -> None:
    camera = orbit_camera(BOX, up, 0.3, 300, 200, elevation, field_of_view=0.9)
    half, corners = math.tan(0.45), box_corners(BOX) - CENTER
    rotations = [rotation_from_angles(2 * math.pi * i / 72, -elevation, 0.0, up) for i in range(72)]
    nearest = max(fitting_distance(corners, rotation, 1.5 * half, half) for rotation in rotations)
    assert np.linalg.norm(camera.center - CENTER) == pytest.approx(nearest, rel=1e-12)


def test_a_camera_of_an_orbit_is_found_from_two_rotations(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def counted(yaw: float, *others: Any) -> np.ndarray:
        asked.append(yaw)
        return rotation_from_angles(yaw, *others)

    monkeypatch.setattr(presets, "rotation_from_angles", counted)
    orbit_camera(BOX, (0, 0, 1), 0.3, 64, 64)
    assert len(asked) <= 2, "a recording asks for every frame"


def test_orbit_runs_counterclockwise_and_closes() -> None:
    first, quarter, last = (orbit_camera(BOX, (0, 0, 1), turn, 64, 64).center - CENTER for turn in (0.0, 0.25, 1.0))
    assert np.cross(first, quarter)[2] > 0
    np.testing.assert_allclose(first, last, atol=1e-9)


def test_orbit_path_follows_the_circle_between_keyframes() -> None:
    path = orbit_path(BOX, (0, 0, 1), 4.0, (0, 90), 64, 64)
    exact = orbit_camera(BOX, (0, 0, 1), 0.37, 64, 64)
    between = path.camera(4.0 * 0.37)
    radius = np.linalg.norm(exact.center - CENTER)
    assert np.linalg.norm(between.center - exact.center) < 0.005 * radius
    np.testing.assert_allclose(between.R, exact.R, atol=0.005)
    assert path.duration == 4.0
    assert path.frame(2.0) == 45.0


def test_spiral_rises_and_comes_nearer() -> None:
    path = spiral_path(BOX, (0, 0, 1), 6.0, (0, 10), 64, 64, turns=2.0, elevations=(0.0, 1.0), distances=(1.0, 0.5))
    elevations = [math.asin(unit(k.camera.center - CENTER)[2]) for k in path.keyframes]
    np.testing.assert_allclose(elevations[:: len(elevations) - 1], [0.0, 1.0], atol=1e-9)
    assert all(b > a for a, b in itertools.pairwise(elevations))
    angles = np.unwrap([math.atan2(*(k.camera.center - CENTER)[1::-1]) for k in path.keyframes])
    assert angles[-1] - angles[0] == pytest.approx(4 * math.pi)


def test_labels_of_the_path_track_keep_their_distance() -> None:
    assert [label_step(seconds, 20) for seconds in (1.0, 20.0, 21.0, 75.0, 100.0, 101.0, 1000.0)] == [1, 1, 2, 5, 5, 10, 50]
    assert label_step(10.0, 0.5) == 10
