"""Camera paths of other programs: nerfstudio, instant-ngp, the 3D Gaussian Splatting of INRIA, and COLMAP.

Each has its own axes. nerfstudio's cameras are those of OpenGL (x right, y up, z backward). instant-ngp's world is scaled and
shifted, and has its axes exchanged. The cameras of 3D Gaussian Splatting are ours, as rotation to the world and position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.documents import read_json
from common.errors import InputError
from model.camera import Camera
from model.camera_conventions import OPENGL_AXES, intrinsics
from model.rotation import matrix_from_quaternion
from viewer.camera_path.colmap import colmap_cameras, is_colmap
from viewer.camera_path.path import CameraPath, Keyframe

Array = NDArray[np.float64]

SECONDS_PER_VIEW = 1.0
"""Time between two views of files that have no times."""

NGP_SCALE, NGP_OFFSET = 0.33, 0.5
"""How instant-ngp scales and shifts positions, unless transforms.json says otherwise."""

NGP_SIZE = (1920, 1080)
"""Width and height of instant-ngp's views, whose files have no size, pixels."""

_NGP_AXES = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # instant-ngp's world axes (y, z, x) to (x, y, z)


@dataclass(frozen=True)
class SceneTimes:
    """The video for which a path is read: files of other programs say nothing of its frames, or only a share of its length."""

    num_frames: int
    """Number of frames."""
    fps: float
    """Frames per second."""

    def frame_at(self, seconds: float) -> float:
        """Return the frame after this many seconds; the video plays once and stays at its last frame."""
        return min(seconds * self.fps, self.num_frames - 1.0)


def load_any(path: Path, times: SceneTimes) -> CameraPath:
    """Read a camera path of this program or another one, which its content shows.

    Args:
        path: PATH.json, nerfstudio's camera_path.json, instant-ngp's path, cameras.json of 3D Gaussian Splatting, or
            COLMAP's images.txt or images.bin.
        times: the video.

    Raises:
        InputError: it is none of these, or invalid.
    """
    if is_colmap(path):
        seconds = SECONDS_PER_VIEW
        return CameraPath(
            [Keyframe(k * seconds, times.frame_at(k * seconds), camera) for k, camera in enumerate(colmap_cameras(path))]
        )
    values = read_json(path)
    if isinstance(values, dict) and isinstance(values.get("camera_path"), list):
        return _read(path, values["camera_path"], lambda: _nerfstudio(path, values, times))
    if isinstance(values, dict) and isinstance(values.get("path"), list):
        return _read(path, values["path"], lambda: _instant_ngp(path, values, times))
    if isinstance(values, list):
        return _read(path, values, lambda: _gaussian_splatting(values, times))
    return CameraPath.from_dict(values, str(path))


def _read(path: Path, views: list[Any], read: Any) -> CameraPath:
    if not views:
        raise InputError(path, "has no views")
    try:
        with np.errstate(all="ignore"):  # absurd numbers are refused by the camera
            result: CameraPath = read()
    except InputError as error:
        raise InputError(path, f"{error.subject}: {error.fault}", error.remedy) from error
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError) as error:
        name = f"has no {error.args[0]}" if isinstance(error, KeyError) else "has a value of the wrong type"
        raise InputError(path, f"{name} in one of its views") from error
    return result


def _nerfstudio(path: Path, values: dict[str, Any], times: SceneTimes) -> CameraPath:
    """Read camera_path.json of nerfstudio.

    Its poses are in nerfstudio's own world. A file `dataparser_transforms.json` next to it leads back to the capture's.
    """
    if str(values.get("camera_type", "perspective")).lower() != "perspective":
        raise InputError("camera_type", f"{str(values['camera_type'])[:40]} is not supported", "use perspective cameras")
    width, height = int(values["render_width"]), int(values["render_height"])
    views = values["camera_path"]
    rate = float(values.get("fps") or len(views) / float(values["seconds"]))
    if not 0 < rate <= 1000:
        raise InputError("fps", "must be above 0 and at most 1000")
    transform, scale = _dataparser(path.with_name("dataparser_transforms.json"))
    keyframes = []
    for index, view in enumerate(views):
        pose = _matrix(view["camera_to_world"], (4, 4))
        position = transform[:, :3].T @ (pose[:3, 3] / scale - transform[:, 3])
        rotation = transform[:, :3].T @ pose[:3, :3] @ OPENGL_AXES
        seconds = index / rate
        part = view.get("render_time")
        frame = times.frame_at(seconds) if part is None else float(part) * (times.num_frames - 1)
        camera = _camera(rotation, position, float(view["fov"]), width, height)
        keyframes.append(Keyframe(seconds, min(max(frame, 0.0), times.num_frames - 1.0), camera))
    return CameraPath(keyframes)


def _dataparser(path: Path) -> tuple[Array, float]:
    """Return the 3x4 matrix and the scale that nerfstudio applied to the capture's poses; none if there is no such file."""
    if not path.is_file():
        return np.eye(4)[:3], 1.0
    values = read_json(path)
    scale = float(values["scale"])
    if not 1e-9 <= scale <= 1e9:
        raise InputError(path, "has a scale that cannot be inverted")
    return _matrix(values["transform"], (3, 4)), scale


def _instant_ngp(path: Path, values: dict[str, Any], times: SceneTimes) -> CameraPath:
    """Read a camera path of instant-ngp, with the scale and offset of a transforms.json next to it."""
    found = read_json(path.with_name("transforms.json")) if path.with_name("transforms.json").is_file() else {}
    scale, offset = (
        float(found.get("scale", NGP_SCALE)),
        np.broadcast_to(np.asarray(found.get("offset", NGP_OFFSET), float), (3,)),
    )
    if not 1e-9 <= scale <= 1e9:
        raise InputError("scale", "cannot be inverted")
    views = values["path"]
    total = float(values.get("duration_seconds", SECONDS_PER_VIEW * max(len(views) - 1, 1)))
    keyframes = []
    for index, view in enumerate(views):
        rotation = _NGP_AXES @ matrix_from_quaternion(np.roll(_matrix(view["R"], (4,)), 1))  # x, y, z, w
        position = (_NGP_AXES @ np.asarray(view["T"], float) - offset) / scale
        seconds = total * index / max(len(views) - 1, 1)
        camera = _camera(rotation, position, float(view["fov"]), *NGP_SIZE)
        keyframes.append(Keyframe(seconds, times.frame_at(seconds), camera))
    return CameraPath(keyframes)


def _gaussian_splatting(views: list[Any], times: SceneTimes) -> CameraPath:
    """Read cameras.json of 3D Gaussian Splatting."""
    keyframes = []
    for index, view in enumerate(views):
        width, height = int(view["width"]), int(view["height"])
        K = intrinsics(float(view["fx"]), float(view["fy"]), width / 2, height / 2)
        rotation, position = _matrix(view["rotation"], (3, 3)), np.asarray(view["position"], float).reshape(3)
        seconds = index * SECONDS_PER_VIEW
        camera = Camera(width, height, K, rotation.T, -rotation.T @ position)
        keyframes.append(Keyframe(seconds, times.frame_at(seconds), camera))
    return CameraPath(keyframes)


def nerfstudio_views(cameras: list[Camera], fps: float, times: list[float]) -> dict[str, Any]:
    """Return the object of nerfstudio's camera_path.json with one view per camera.

    Args:
        cameras: the views, of one size.
        fps: views per second.
        times: of the scene at each view, 0 (first frame) to 1 (last frame).
    """
    width, height = cameras[0].width, cameras[0].height
    views = []
    for camera, time in zip(cameras, times, strict=True):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = camera.R.T @ OPENGL_AXES, camera.center
        field_of_view = math.degrees(2 * math.atan(height / 2 / camera.K[1, 1]))
        view = {"camera_to_world": pose.ravel().tolist(), "fov": field_of_view, "aspect": width / height}
        views.append({**view, "render_time": time})
    return {
        "camera_type": "perspective",
        "render_width": width,
        "render_height": height,
        "fps": fps,
        "seconds": len(cameras) / fps,
        "camera_path": views,
    }


def _camera(rotation: Array, position: Array, degrees: float, width: int, height: int) -> Camera:
    """Return a camera from its rotation to the world, its position and its vertical field of view."""
    if not 0 < degrees < 180:
        raise InputError("fov", "must be above 0 and below 180 degrees")
    focal = height / 2 / math.tan(math.radians(degrees) / 2)
    return Camera(width, height, intrinsics(focal, focal, width / 2, height / 2), rotation.T, -rotation.T @ position)


def _matrix(values: object, shape: tuple[int, ...]) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(shape)
