"""Cameras: geometry by hand, JSON and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

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


GOOD = Camera.look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), 0.8, 20, 10).to_dict()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"K": None}, "K: must be arrays of numbers of shape 3 x 3"),
        ({"K": [1, 0, 0, 0, 1, 0, 0, 0, 1]}, "shape"),
        ({"T": [[0], [0], [1]]}, "finite"),
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
    ],
)
def test_refusals(change: dict[str, object], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        Camera.from_dict({**GOOD, **change}, "cam.json")


def test_missing_field_and_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no T"):
        Camera.from_dict({k: v for k, v in GOOD.items() if k != "T"})
    with pytest.raises(InputError, match="no such file"):
        load_camera(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        load_camera(tmp_path / "bad.json")
