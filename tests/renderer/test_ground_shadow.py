"""The shadow on the ground: against form factors in closed form, in the right place, and in the right perspective."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.camera import Camera
from renderer.backend import RenderSettings
from renderer.ground_shadow import GroundPlane, GroundShadow, bilinear, ground_shadow, hidden_sky, pixel_rays, shadow_opacity
from renderer.reference.renderer import ReferenceFrame, ReferenceRenderer
from tests.renderer.reference.test_renderer import fog

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def under_a_plate(a: float, b: float, height: float) -> float:
    """Return the share of the sky over the middle of a plate of 2a x 2b that it hides from the ground below (form factor)."""
    x, y = a / height, b / height
    first = x / math.sqrt(1 + x * x) * math.atan(y / math.sqrt(1 + x * x))
    second = y / math.sqrt(1 + y * y) * math.atan(x / math.sqrt(1 + y * y))
    return 4 / (2 * math.pi) * (first + second)


@pytest.mark.parametrize(("a", "b", "height"), [(0.5, 0.5, 0.3), (0.2, 0.6, 0.5), (0.6, 0.6, 1.0)])
def test_a_plate_by_hand(a: float, b: float, height: float) -> None:
    side, extent = 80, 2.0
    x, y = ((np.arange(side) + 0.5) / side * extent - extent / 2 for _ in (0, 1))
    plate = ((np.abs(x) < a) & (np.abs(y)[:, None] < b)).astype(np.float32)
    hidden = hidden_sky(plate, height, np.array([extent, extent]))
    assert hidden[side // 2, side // 2] == pytest.approx(under_a_plate(a, b, height), abs=0.01)
    assert hidden.max() == hidden[side // 2 - 1 : side // 2 + 1, side // 2 - 1 : side // 2 + 1].max()


def test_a_layer_on_the_ground_hides_all_of_the_sky() -> None:
    plate = np.zeros((64, 64), np.float32)
    plate[20:44, 20:44] = 1.0
    hidden = hidden_sky(plate, 0.0, np.array([1.0, 1.0]))
    assert hidden[32, 32] == pytest.approx(1.0, abs=0.02) and hidden[:8].max() < 0.02


def test_a_known_box() -> None:
    """An opaque unit box 0.5 m over the ground: two of the four layers meet it, in the middle at 0.4125 and 1.05 m."""
    frame, plane = ReferenceFrame(fog(density=500.0), 0.0), GroundPlane(AXES, -0.5)
    shadow = ground_shadow(ReferenceRenderer(), frame, plane, RenderSettings(50, 0.0))  # type: ignore[arg-type]
    assert shadow is not None
    margin = 0.6 * 1.5
    assert shadow.corner == pytest.approx((-margin, -margin)) and shadow.size == pytest.approx((1 + 2 * margin,) * 2)
    lit = (1 - under_a_plate(0.5, 0.5, 0.4125)) * (1 - under_a_plate(0.5, 0.5, 1.05))
    assert shadow.darkness.shape == (94, 94), "50 pixels per height: 2.8 / 1.5 * 50"
    assert shadow.darkness[47, 47] == pytest.approx(1 - lit, abs=0.02)
    assert shadow.darkness[0].max() == 0 and shadow.darkness[:, -1].max() == 0, "it fades out"
    assert np.allclose(shadow.darkness, shadow.darkness.T, atol=0.02)
    assert ground_shadow(ReferenceRenderer(), frame, GroundPlane(AXES, 1.5)) is None  # type: ignore[arg-type]


def test_a_cropped_box_has_its_shadow_under_what_is_left() -> None:
    frame, crop = ReferenceFrame(fog(density=500.0), 0.0), ((0.0, 0.5, 0.0), (0.25, 1.0, 1.0))
    settings = RenderSettings(50, 0.0, crop)
    shadow = ground_shadow(ReferenceRenderer(), frame, GroundPlane(AXES, 0.0), settings)  # type: ignore[arg-type]
    assert shadow is not None
    total, middle = shadow.darkness.sum(), []
    for axis, profile in enumerate((shadow.darkness.sum(0), shadow.darkness.sum(1))):
        along = (np.arange(len(profile)) + 0.5) / len(profile)
        middle.append(profile @ along / total * shadow.size[axis] + shadow.corner[axis])
    assert middle == pytest.approx((0.125, 0.75), abs=0.01)


def test_where_a_camera_sees_it() -> None:
    darkness = np.zeros((10, 20), np.float32)
    darkness[7, 3] = 0.5
    shadow = GroundShadow(GroundPlane(AXES, 1.0), (2.0, -1.0), (4.0, 2.0), darkness)
    spot = np.array([2 + 3.5 / 20 * 4, -1 + 7.5 / 10 * 2, 1.0])
    camera = Camera.look_at((0.0, -3.0, 4.0), (3.0, 0.0, 1.0), (0, 0, 1), 1.0, 160, 120)
    seen = shadow_opacity(shadow, camera, 0.8)
    column, row = camera.project(spot)[0]
    assert seen[int(row), int(column)] == pytest.approx(0.4, abs=0.05) and seen.max() <= 0.4 + 1e-6
    middle = np.argwhere(seen > 0.2).mean(0) + 0.5
    assert middle == pytest.approx((row, column), abs=1.5)
    below = Camera.look_at((0.0, -3.0, 0.5), (3.0, 0.0, 1.0), (0, 0, 1), 1.0, 160, 120)
    assert not shadow_opacity(shadow, below).any()
    level = Camera.look_at((3.0, -3.0, 2.0), (3.0, 0.0, 2.0), (0, 0, 1), 1.0, 160, 120)
    assert not shadow_opacity(shadow, level)[:60].any(), "nothing above the horizon"


def test_bands_of_rows_cover_the_image() -> None:
    matrix = np.arange(9.0).reshape(3, 3)
    whole = np.zeros((3, 700, 900))
    for rows, rays in pixel_rays(matrix, 900, 700):
        whole[:, rows] = rays
    assert whole[:, 699, 3].tolist() == (matrix @ (3.5, 699.5, 1.0)).tolist()
    assert whole[:, 0, 0].tolist() == (matrix @ (0.5, 0.5, 1.0)).tolist() and (whole[2] > 0).all()


def test_lookups_between_pixels() -> None:
    pixels = np.array([[[0.0], [1.0]], [[2.0], [4.0]]], np.float32)
    u, v = np.array([0.25, 0.5, 0.0, 0.0]), np.array([0.25, 0.5, 0.25, 0.25])
    assert bilinear(pixels, u, v)[:, 0].tolist() == [0.0, 1.75, 0.0, 0.0]
    assert bilinear(pixels, u, v, wrap=True)[:, 0].tolist() == [0.0, 1.75, 0.5, 0.5]
