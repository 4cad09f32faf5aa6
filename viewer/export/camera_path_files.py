"""Write the views of a recording for other programs: glTF with an animated camera, and nerfstudio's camera_path.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from common.atomic import atomic_write, check_target, write_text
from common.errors import InputError
from model.camera import Camera
from model.camera_conventions import OPENGL_AXES
from model.rotation import quaternion_from_matrix
from viewer.camera_path.foreign import nerfstudio_views
from viewer.camera_path.frame_schedule import FrameSchedule
from viewer.export.glb import GlbArray, pack_glb, upright_matrix

PATH_SUFFIXES = (".glb", ".json")
"""Formats that `save_path` writes: glTF, and nerfstudio's camera_path.json."""

_NEAR = 0.01  # meters; glTF requires a near plane


def check_path_file(path: Path) -> None:
    """Raise InputError unless `save_path` can write there."""
    if path.suffix.lower() not in PATH_SUFFIXES:
        raise InputError(path, "is not a supported format of camera paths", "end its name with .glb or .json")
    check_target(path)


def save_path(
    path: Path,
    schedule: FrameSchedule,
    fps: float,
    num_frames: int,
    up: ArrayLike,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Write the views of a schedule atomically in the format that the suffix names.

    Args:
        path: .glb: one camera with an animation, which Blender imports. .json: camera_path.json of nerfstudio.
        schedule: the views.
        fps: views per second.
        num_frames: number of frames of the video.
        up: direction that is up in the world; glTF turns it to y.
        progress: called with the number of finished views and of all views. A long path takes minutes.

    Returns:
        What the format cannot store, one sentence each.

    Raises:
        InputError: the suffix is unknown, or the file cannot be written.
    """
    check_path_file(path)
    cameras = []
    for k in range(schedule.count):
        cameras.append(schedule.camera(k))
        if progress is not None:
            progress(k + 1, schedule.count)
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
    centers = np.stack([camera.center for camera in cameras])
    times = (np.arange(len(cameras)) / fps).astype(np.float32)
    arrays = [GlbArray(times, bounded=True), *(GlbArray(values.astype(np.float32)) for values in (centers, rotations))]
    first = cameras[0]
    perspective = {
        "yfov": 2 * float(np.arctan(first.height / 2 / first.K[1, 1])),
        "aspectRatio": first.width / first.height * float(first.K[1, 1] / first.K[0, 0]),
        "znear": _NEAR,
    }
    samplers = [{"input": 0, "output": k, "interpolation": "LINEAR"} for k in (1, 2)]
    targets = ("translation", "rotation")
    document = {
        "nodes": [
            {"name": "world", "matrix": upright_matrix(up), "children": [1]},
            {"name": "camera", "camera": 0, "translation": centers[0].tolist(), "rotation": rotations[0].tolist()},
        ],
        "cameras": [{"name": "camera", "type": "perspective", "perspective": perspective}],
        "animations": [
            {
                "name": "camera path",
                "samplers": samplers,
                "channels": [{"sampler": k, "target": {"node": 1, "path": name}} for k, name in enumerate(targets)],
            }
        ],
    }
    return pack_glb(document, arrays)


def _centered(cameras: list[Camera]) -> bool:
    offsets = [camera.K[:2, 2] - (camera.width / 2, camera.height / 2) for camera in cameras]
    return bool(np.abs(offsets).max() < 0.5)
