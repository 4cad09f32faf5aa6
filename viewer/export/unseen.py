"""Recordings whose cameras see nothing of the scene: the reason is given before anything is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from common.errors import InputError
from model.camera import Camera
from model.video import VolumetricVideo
from model.visibility import why_unseen
from viewer.camera_path.frame_schedule import FrameSchedule
from viewer.camera_path.path import CameraPath
from viewer.camera_path.rig import RigCamera

CHECKED_FRAMES = 64
"""Most frames of a recording that are checked; they are spread over it."""

_REMEDY = "check R and T: x_camera = R x_world + T"


def check_path_sees(path: CameraPath | str, schedule: FrameSchedule, video: VolumetricVideo) -> None:
    """Raise InputError if a camera path never sees the scene. An orbit always turns around it.

    Args:
        path: what is recorded, for the message: a path, the name of its file, or "orbit".
        schedule: its frames.
        video: the scene.
    """
    if path == "orbit":
        return
    if fault := _why_never(((schedule.camera(k), schedule.time(k)) for k in checked_frames(schedule.count)), video):
        subject = "the camera path" if isinstance(path, CameraPath) else path
        raise InputError(subject, f"never sees the scene: {fault}", _REMEDY)


def blind_cameras(
    rig: Sequence[RigCamera], schedule: FrameSchedule, video: VolumetricVideo, subject: str = "the rig"
) -> dict[str, str]:
    """Return why cameras of a rig never see the scene, by their names. Those that may see something are left out.

    Args:
        rig: the cameras.
        schedule: the frames of the recording. Its camera is not used.
        video: the scene.
        subject: the rig or its file, for the message.

    Raises:
        InputError: none of them ever sees the scene.
    """
    times = [schedule.time(k) for k in checked_frames(schedule.count)]
    faults = {named.name: _why_never(((named.camera, time) for time in times), video) for named in rig}
    if all(faults.values()):
        raise InputError(subject, f"no camera sees the scene: {faults[rig[0].name]}", _REMEDY)
    return {name: fault for name, fault in faults.items() if fault}


def checked_frames(count: int) -> list[int]:
    """Return at most `CHECKED_FRAMES` frames spread over a recording of this many, both ends included."""
    return [int(k) for k in np.linspace(0, count - 1, min(count, CHECKED_FRAMES))]


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names for a message: "left, right and 12 more"."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _why_never(views: Iterable[tuple[Camera, float]], video: VolumetricVideo) -> str:
    """Return why the first of the views, cameras and frame indices, sees nothing; empty if any of them may see something."""
    first = ""
    for camera, time in views:
        fault = why_unseen(camera, video.box_and_occupancy(time)[0])
        if not fault:
            return ""
        first = first or fault
    return first
