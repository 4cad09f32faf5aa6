"""The command --record --rig: all cameras of a rig at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from common.interrupts import interruptible
from common.progress import progress_display
from model.video import VolumetricVideo
from model.visibility import why_unseen
from renderer.backend import CancelToken
from renderer.select import backend_for, create_renderer
from viewer.camera_path.foreign import SceneTimes
from viewer.camera_path.rig import RigCamera, load_rig, name_cameras
from viewer.export.recorder import RecordOptions
from viewer.export.rig_recorder import record_rig
from viewer.export.view_values import with_depth_range

CAPTURE = "capture"
"""Value of --rig that means the cameras of the capture, which are stored in the bundle."""


def record_all_cameras(options: argparse.Namespace, video: VolumetricVideo, choices: RecordOptions) -> int:
    """Run --record --rig: write one video or folder of images per camera, with progress on stderr."""
    rig = _rig(options.rig, video, options.bundle)
    cameras = [camera.camera for camera in rig]
    faults = [why_unseen(camera, video.bounds) for camera in cameras]
    if all(faults):
        raise InputError(options.rig, f"no camera sees the scene: {faults[0]}", "check R and T: x_camera = R x_world + T")
    choices = replace(choices, display=with_depth_range(choices.display, cameras, video.bounds))
    cancel = CancelToken()

    def work() -> str:
        renderer = create_renderer(backend_for(video, options.backend or "auto"), options.threads)
        return record_rig(renderer, video, options.record, rig, choices, lambda p: show(p.done, p.total), cancel).message

    with progress_display(f"recording {options.record}") as show:
        message = interruptible(work, cancel.cancel)
    print(message)
    return 0


def _rig(name: str, video: VolumetricVideo, bundle: object) -> Sequence[RigCamera]:
    if name != CAPTURE:
        return load_rig(Path(name), SceneTimes(video.num_frames, video.metadata.fps))
    if not video.metadata.cameras:
        raise InputError(str(bundle), "has no cameras of its capture", "name a file with cameras: --rig CAMERAS.json")
    return name_cameras((("", camera) for camera in video.metadata.cameras), str(bundle))
