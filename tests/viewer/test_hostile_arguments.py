"""Whatever a program passes to the public functions, they work or raise InputError, but never another exception."""

from __future__ import annotations

import contextlib
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpvid
from model.bundle.info import write_bundle
from tests.factories import make_video

HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 2.5, float("nan"), float("inf"), 1e308, 10**400, 1j, "", "x", "1", b"x", "\0", decimal.Decimal("1.5")),
    *((), [1], (4, 2), ("8", "6"), [[1, 2], [3]], {}, {1}, object(), range(3), memoryview(b"ab")),
    *(np.array(2.0), np.array([8, 6]), np.array(["a"]), np.float32(2.5), np.int64(3), np.bool_(True), np.ones((3, 3))),
    *(np.ma.masked, np.datetime64("2020-01-01"), np.eye(4)),
)

CAMERA = {"width": 8, "height": 6}

FUNCTIONS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Camera": (mlpvid.Camera, {**CAMERA, "K": np.diag([5.0, 5, 1]), "R": np.eye(3), "T": (0, 0, 3)}),
    "look_at": (
        mlpvid.Camera.look_at,
        {**CAMERA, "eye": (3, 0, 1), "target": (0, 0, 1), "up": (0, 0, 1), "field_of_view": 0.8},
    ),
    "from_colmap": (
        mlpvid.from_colmap,
        {**CAMERA, "focal_length": 5, "center": (4, 3), "quaternion": (1, 0, 0, 0), "translation": (0, 0, 3)},
    ),
    "from_nerf": (mlpvid.from_nerf, {**CAMERA, "transform_matrix": np.eye(4), "camera_angle_x": 0.8}),
    "from_opengl": (
        mlpvid.from_opengl,
        {
            **CAMERA,
            "view_matrix": np.eye(4),
            "projection_matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, -0.1], [0, 0, -1, 0]],
        },
    ),
    "from_blender": (
        mlpvid.from_blender,
        {**CAMERA, "matrix_world": np.eye(4), "focal_length": 35, "sensor_width": 36, "shift": (0, 0)},
    ),
    "RenderSettings": (
        mlpvid.RenderSettings,
        {"steps_per_diagonal": 10, "weight_threshold": 0.1, "crop": None, "depth_range": None},
    ),
}

METHODS: dict[str, dict[str, Any]] = {
    "render": {"frame": 0.5, "camera": None, "size": (4, 3), "settings": None, "cancel": None},
    "overview": {"size": (4, 3)},
    "orbit": {"turn": 0.3, "size": (4, 3)},
}

RECORDING: dict[str, Any] = {
    **{"output": "folder", "path": "orbit", "size": (4, 2), "fps": 30, "frames": (0, 1), "seconds": 0.03, "codec": None},
    **{"supersampling": 1, "transparent": False, "quality": 20, "image_format": "png", "up": None, "projection": None},
    **{"display": None, "settings": None, "values": False, "cancel": None, "progress": None},
}


def check(function: Callable[..., Any], arguments: dict[str, Any], names: list[str]) -> None:
    """Replace each of these arguments by each hostile value."""
    for name in names:
        for value in HOSTILE:
            with contextlib.suppress(mlpvid.InputError):
                try:
                    function(**{**arguments, name: value})
                except mlpvid.InputError as error:
                    assert "\n" not in str(error)
                    raise
                except Exception as error:
                    raise AssertionError(f"{name}={value!r}") from error


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a bundle."""
    path = tmp_path_factory.mktemp("bundle") / "video.mlpvid"
    write_bundle(make_video(num_frames=2), path)
    return path


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    function, arguments = FUNCTIONS[name]
    function(**arguments)
    check(function, arguments, list(arguments))


@pytest.mark.parametrize("name", METHODS)
def test_methods(path: Path, name: str) -> None:
    with mlpvid.open(path, backend="cpu", threads=1) as video:
        check(getattr(video, name), METHODS[name], list(METHODS[name]))


@pytest.mark.slow
def test_recordings(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with mlpvid.open(path, backend="cpu", threads=1) as video:
        given = {name: value for name, value in RECORDING.items() if value is not None}
        check(video.record, given, list(RECORDING))
