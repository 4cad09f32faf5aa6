"""Write the views of a recording for other programs: glTF with an animated camera, and nerfstudio's camera_path.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.atomic import atomic_write, check_target, write_text
from common.errors import InputError
from model.camera import Camera
from model.rotation import quaternion_from_matrix
from viewer.camera_path.foreign import OPENGL_AXES, nerfstudio_views
from viewer.camera_path.frame_schedule import FrameSchedule
from viewer.export.mesh_files import pack_glb, upright_matrix

PATH_SUFFIXES = (".glb", ".json")
"""Formats that `save_path` writes: glTF, and nerfstudio's camera_path.json."""

_FLOAT = 5126  # component type of glTF
_NEAR = 0.01  # meters; glTF requires a near plane


def check_path_file(path: Path) -> None:
    """Raise InputError unless `save_path` can write there."""
    if path.suffix.lower() not in PATH_SUFFIXES:
        raise InputError(path, "is not a supported format of camera paths", "end its name with .glb or .json")
    check_target(path)


def save_path(path: Path, schedule: FrameSchedule, fps: float, num_frames: int, up: ArrayLike) -> list[str]:
    """Write the views of a schedule atomically in the format that the suffix names.

    Args:
        path: .glb: one camera with an animation, which Blender imports. .json: camera_path.json of nerfstudio.
        schedule: the views.
        fps: views per second.
        num_frames: number of frames of the video.
        up: direction that is up in the world; glTF turns it to y.

    Returns:
        What the format cannot store, one sentence each.

    Raises:
        InputError: the suffix is unknown, or the file cannot be written.
    """
    check_path_file(path)
    cameras = [schedule.camera(k) for k in range(schedule.count)]
    if path.suffix.lower() == ".json":
        times = [schedule.time(k) for k in range(schedule.count)]
        values = nerfstudio_views(cameras, fps, [time / max(num_frames - 1, 1) for time in times])
        write_text(path, json.dumps(values, indent=1) + "\n")
        square = all(abs(camera.K[0, 0] / camera.K[1, 1] - 1) < 1e-3 for camera in cameras)
        return ([] if _centered(cameras) else [NOT_CENTERED]) + ([] if square else [NOT_SQUARE])
    with atomic_write(path) as temporary:
        temporary.write_bytes(camera_glb(cameras, fps, up))
    notes = [] if _centered(cameras) else [NOT_CENTERED]
    focal = np.array([camera.K[1, 1] / camera.height for camera in cameras])
    if np.ptp(focal) > 1e-3 * focal[0]:
        notes.append("glTF cannot animate the field of view; it is that of the first view")
    return notes


NOT_CENTERED = "the format has no principal point; it is in the middle of the image now"
"""Note about cameras whose optical axis does not pass through the middle of the image."""


NOT_SQUARE = "the format has only square pixels; the focal length along y is used for x, too"
"""Note about cameras with different focal lengths along x and y."""


def camera_glb(cameras: list[Camera], fps: float, up: ArrayLike) -> bytes:
    """Return a binary glTF 2.0 file with one camera that moves through the views, one per frame.

    Args:
        cameras: the views; the field of view is that of the first one.
        fps: views per second.
        up: direction that is up in the world. As in `viewer.export.mesh_files.save_mesh`, a node rotates it to y.
    """
    quaternions = quaternion_from_matrix([camera.R.T @ OPENGL_AXES for camera in cameras])
    rotations = np.roll(quaternions, -1, axis=-1)  # glTF's order is x, y, z, w
    for k in range(1, len(rotations)):  # q and -q are one rotation; players interpolate on the shorter way between neighbors
        if rotations[k] @ rotations[k - 1] < 0:
            rotations[k] *= -1
    arrays = [
        (np.arange(len(cameras)) / fps, "SCALAR"),
        (np.stack([camera.center for camera in cameras]), "VEC3"),
        (rotations, "VEC4"),
    ]
    views, accessors, binary = _described(arrays)
    first = cameras[0]
    perspective = {
        "yfov": 2 * float(np.arctan(first.height / 2 / first.K[1, 1])),
        "aspectRatio": first.width / first.height * float(first.K[1, 1] / first.K[0, 0]),
        "znear": _NEAR,
    }
    samplers = [{"input": 0, "output": k, "interpolation": "LINEAR"} for k in (1, 2)]
    targets = ("translation", "rotation")
    document = {
        "asset": {"version": "2.0", "generator": "mlpvid"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [
            {"name": "world", "matrix": upright_matrix(up), "children": [1]},
            {"name": "camera", "camera": 0, "translation": arrays[1][0][0].tolist(), "rotation": rotations[0].tolist()},
        ],
        "cameras": [{"name": "camera", "type": "perspective", "perspective": perspective}],
        "animations": [
            {
                "name": "camera path",
                "samplers": samplers,
                "channels": [{"sampler": k, "target": {"node": 1, "path": name}} for k, name in enumerate(targets)],
            }
        ],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    return pack_glb(document, binary)


def _described(arrays: list[tuple[NDArray[np.float64], str]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bytes]:
    """Return glTF's buffer views and accessors of float arrays, and their bytes."""
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []
    binary = b""
    for index, (array, kind) in enumerate(arrays):
        data = array.astype("<f4")
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": data.nbytes})
        accessors.append({"bufferView": index, "componentType": _FLOAT, "count": len(data), "type": kind})
        binary += data.tobytes()
    times = arrays[0][0].astype("<f4")
    accessors[0] |= {"min": [float(times.min())], "max": [float(times.max())]}
    return views, accessors, binary


def _centered(cameras: list[Camera]) -> bool:
    offsets = [camera.K[:2, 2] - (camera.width / 2, camera.height / 2) for camera in cameras]
    return bool(np.abs(offsets).max() < 0.5)
