"""Cameras: hand-computed geometry, JSON, and invalid values."""

from __future__ import annotations

import json
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from model.camera import Camera, load_camera


def project(camera: Camera, point: np.ndarray) -> np.ndarray:
    pixel = camera.K @ (camera.R @ point + camera.T)
    return pixel[:2] / pixel[2]


def test_look_at_puts_target_in_the_middle_and_up_upwards() -> None:
    eye, target = np.array([3.0, -2.0, 1.5]), np.array([0.0, 0.5, 1.0])
    camera = Camera.look_at(eye, target, (0, 0, 1), 0.7, 640, 480)
    assert np.allclose(camera.center, eye)
    assert np.allclose(project(camera, target), [320, 240])
    assert project(camera, target + np.array([0, 0, 0.1]))[1] < 240  # y runs down
    assert np.linalg.det(camera.R) == pytest.approx(1)


def test_vertical_field_of_view() -> None:
    camera = Camera.look_at((0, -2, 0), (0, 0, 0), (0, 0, 1), np.pi / 2, 100, 100)
    assert np.allclose(project(camera, np.array([0, 0, 2.0])), [50, 0])


def test_looking_along_up_still_gives_a_rotation() -> None:
    camera = Camera.look_at((0, 0, 5), (0, 0, 0), (0, 0, 1), 1.0, 8, 8)
    assert np.allclose(camera.R @ camera.R.T, np.eye(3))


def test_resized_and_fitted() -> None:
    camera = Camera.look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), 0.8, 200, 100)
    point = np.array([0.2, -0.1, 0.3])
    assert np.allclose(project(camera.resized(100, 50), point), project(camera, point) / 2)
    fitted = camera.fitted(100, 100)
    assert np.allclose(project(fitted, point), project(camera, point) / 2 + [0, 25])


def test_json_round_trip(tmp_path: Path) -> None:
    camera = Camera.look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), 0.8, 200, 100)
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(camera.to_dict()))
    other = load_camera(path)
    assert (other.width, other.height) == (200, 100)
    for name in "KRT":
        assert np.array_equal(getattr(camera, name), getattr(other, name))


def simple_camera() -> Camera:
    """At (1, 2, 3), looking along the world's x axis with z upwards: R's rows are right = -y, down = -z, forward = x."""
    R = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    return Camera(8, 6, np.array([[10.0, 0, 4], [0, 20, 3], [0, 0, 1]]), R, -R @ [1.0, 2, 3])


def test_projection_by_hand() -> None:
    # 2 m ahead, 0.5 m to the left and 0.2 m up: x = 4 - 10 * 0.5 / 2, y = 3 - 20 * 0.2 / 2.
    pixels, depth = simple_camera().project([[3.0, 2.5, 3.2], [0.0, 2, 3]])
    np.testing.assert_allclose(pixels[0], [1.5, 1.0])
    np.testing.assert_allclose(depth, [2, -1])
    assert np.isfinite(pixels).all()


def test_rays_by_hand() -> None:
    origin, directions = simple_camera().rays([[4.0, 3.0], [0.5, 0.5]])  # the middle, and the center of the top-left pixel
    np.testing.assert_allclose(origin, [1, 2, 3])
    np.testing.assert_allclose(directions[0], [1, 0, 0])
    first = np.array([1, 3.5 / 10, 2.5 / 20])
    np.testing.assert_allclose(directions[1], first / np.linalg.norm(first))


def test_unprojection_by_hand() -> None:
    np.testing.assert_allclose(simple_camera().unproject((1.5, 1.0), 2.0), [3.0, 2.5, 3.2])


@given(hnp.arrays(np.float64, (3, 2, 2), elements=st.floats(-500, 1000)), st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_projection_and_its_inverse(pixels: np.ndarray, depth: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    eye, target = random.uniform(-3, 3, (2, 3))
    view = Camera.look_at(eye, target, (0, 0, 1), random.uniform(0.2, 2), 640, 480)
    skewed = view.K + np.array([[0, random.uniform(-50, 50), 30], [0, random.uniform(-50, 50), -20], [0, 0, 0]])
    camera = Camera(640, 480, skewed, view.R, view.T)
    points = camera.unproject(pixels, depth)
    assert points.shape == (3, 2, 3)
    again, depths = camera.project(points)
    np.testing.assert_allclose(again, pixels, atol=1e-6)
    np.testing.assert_allclose(depths, depth)
    origin, directions = camera.rays(pixels)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1)
    distance = np.linalg.norm(points - origin, axis=-1, keepdims=True)
    np.testing.assert_allclose(origin + distance * directions, points, atol=1e-9 * max(depth, 1) * 100)
    np.testing.assert_allclose(directions @ camera.R[2] * distance[..., 0], depth)


@pytest.mark.parametrize("factor", [2.0, -1.0])
def test_a_projection_scaled_as_a_whole_is_the_same(factor: float) -> None:
    camera = simple_camera()
    scaled = Camera(8, 6, factor * camera.K, camera.R, camera.T)
    np.testing.assert_allclose(scaled.inverse_K, camera.inverse_K, err_msg="z is 1")
    point = np.array([3.0, 2.5, 3.2])
    np.testing.assert_allclose(scaled.project(point)[0], camera.project(point)[0])
    np.testing.assert_allclose(scaled.unproject((1.5, 1.0), 2.0), point)


GOOD = Camera.look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), 0.8, 20, 10).to_dict()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"K": None}, "K: must be arrays of numbers of shape 3 x 3"),
        ({"K": [1, 0, 0, 0, 1, 0, 0, 1]}, "shape"),
        ({"K": [[9, 0, 0], [0, 9, 0], [4, 5, 1]]}, "last row 0, 0, 1; transpose it"),
        ({"K": [[9, 0, 4], [0, 9, 5], [0, 0, -1]]}, "last row 0, 0, 1"),
        ({"K": [[-9, 0, 4], [0, 9, 5], [0, 0, 1]]}, "focal length that is not above 0"),
        ({"K": [[9, 0, 4], [0, -9, 5], [0, 0, 1]]}, "focal length that is not above 0"),
        ({"T": [[0], [0], [1, 2]]}, "shape 3"),
        ({"T": [[[0]], [[0]], [[1]]]}, "shape 3"),
        ({"T": []}, "shape 3"),
        ({"T": {}}, "shape 3"),
        ({"T": [0, 0, None]}, "finite"),
        ({"T": ["0", "0", "1"]}, "numbers"),
        ({"T": [True, 0, 1]}, "numbers"),
        ({"T": [float("nan"), 0, 1]}, "finite|not"),
        ({"R": [[1, 0], [0, 1]]}, "shape"),
        ({"R": np.zeros((3, 3)).tolist()}, "not a rotation"),
        ({"R": np.diag([1.0, 1.0, -1.0]).tolist()}, "not a rotation"),
        ({"T": [0, float("inf"), 1]}, "finite"),
        ({"T": ["a", "b", "c"]}, "numbers"),
        ({"K": np.zeros((3, 3)).tolist()}, "inverted"),
        ({"R": (1e300 * np.ones((3, 3))).tolist()}, "not a rotation"),
        ({"K": np.diag([1e308, 1e308, 1.0]).tolist()}, "inverted"),
        ({"K": [[10**400, 0, 0], [0, 1, 0], [0, 0, 1]]}, "numbers"),
        ({"width": 0}, "1 to"),
        ({"height": 10**9}, "1 to"),
        ({"width": 1.5}, "whole"),
        ({"width": 1e9}, "whole numbers, 1 to 16384"),
        ({"width": float("nan")}, "whole"),
        ({"width": True}, "whole"),
        ({"width": "20"}, "whole"),
    ],
)
def test_refusals(change: dict[str, object], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        Camera.from_dict({**GOOD, **change}, "cam.json")


def test_plain_meanings_are_read() -> None:
    flat = {name: np.ravel(GOOD[name]).tolist() for name in "KR"}
    for T in ([[t] for t in GOOD["T"]], [GOOD["T"]]):
        camera = Camera.from_dict({**GOOD, **flat, "T": T, "width": 20.0})
        assert camera.to_dict() == GOOD and type(camera.width) is int


def test_missing_field_and_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no T"):
        Camera.from_dict({k: v for k, v in GOOD.items() if k != "T"})
    with pytest.raises(InputError, match="no such file"):
        load_camera(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        load_camera(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eye": (0, 0, 1)}, "camera eye and target: must be two points"),
        ({"eye": (1, 2)}, "camera eye: must be three numbers, not (1, 2)"),
        ({"eye": "abc"}, "camera eye: must be three numbers, not 'abc'"),
        ({"target": (np.inf, 0, 0)}, "camera target: must be three numbers"),
        ({"up": None}, "camera up: must be three numbers, not None"),
        ({"field_of_view": 0}, "field of view 0: must be above 0 and below pi radians"),
        ({"field_of_view": 45}, "field of view 45: must be above 0 and below pi radians"),
        ({"field_of_view": -1}, "field of view -1: must be above 0 and below pi radians"),
        ({"field_of_view": "1"}, "field of view: must be an angle in radians, not '1'"),
        ({"width": "16"}, "camera size: must be width and height in pixels"),
        ({"height": 16.5}, "camera size: must be 1 to 16384 whole pixels per side, not 16x16.5"),
    ],
)
def test_wrong_views_are_named(change: dict[str, object], message: str) -> None:
    """A field of view in degrees gave a mirrored or empty image."""
    right: dict[str, object] = {
        "eye": (3, 0, 1),
        "target": (0, 0, 1),
        "up": (0, 0, 1),
        "field_of_view": 0.8,
        "width": 16,
        "height": 16,
    }
    Camera.look_at(**right)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        Camera.look_at(**{**right, **change})  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("K", "K", "camera K: must be an array of numbers, not 'K'"),
        ("K", [[1, 2], [3]], "camera K: must be an array of numbers, not [[1, 2], [3]]"),
        ("T", [1e10, 0, 0], "camera T: must be within 1e+09 meters"),
        ("K", [[30, 0, 1e308], [0, 30, 12], [0, 0, 1]], "camera K: must be within 1e+09 pixels; its center cx is not"),
        ("width", 8.5, "camera size: must be 1 to 16384 whole pixels per side, not 8.5x6"),
        ("width", None, "camera size: must be width and height in pixels, not (None, 6)"),
    ],
)
def test_wrong_values_are_named(name: str, value: object, message: str) -> None:
    camera = simple_camera()
    values = {key: getattr(camera, key) for key in ("width", "height", "K", "R", "T")}
    with pytest.raises(InputError) as caught:
        Camera(**{**values, name: value})
    assert message in str(caught.value)
    assert isinstance(Camera(**{**values, "width": np.float64(8.0)}).width, int)
