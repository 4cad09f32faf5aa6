"""The command --record --rig: all cameras of a rig at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from common.interrupts import interruptible
from common.progress import progress_display
from model.video import VolumetricVideo
from renderer.backend import CancelToken
from renderer.select import backend_for, create_renderer
from viewer.camera_path.foreign import SceneTimes
from viewer.camera_path.rig import RigCamera, load_rig, name_cameras
from viewer.export.record_options import RecordOptions
from viewer.export.rig_recorder import plan_rig, record_rig
from viewer.export.unseen import blind_cameras
from viewer.export.view_values import with_depth_range

CAPTURE = "capture"
"""Value of --rig that means the cameras of the capture, which are stored in the bundle."""

NAMED_CAMERAS = 5
"""Most cameras without a view of the scene that are explained one by one."""


def record_all_cameras(options: argparse.Namespace, video: VolumetricVideo, choices: RecordOptions) -> int:
    """Run --record --rig: write one video or folder of images per camera, with progress on stderr."""
    rig = _rig(options.rig, video, options.bundle)
    cameras, schedule = plan_rig(video, rig, choices)
    _print_blind(blind_cameras(cameras, schedule, video, options.rig))
    display = with_depth_range(choices.display, (named.camera for named in cameras), video.bounds)
    choices = replace(choices, display=display)
    cancel = CancelToken()

    def work() -> str:
        renderer = create_renderer(backend_for(video, options.backend or "auto"), options.threads)
        return record_rig(renderer, video, options.record, rig, choices, lambda p: show(p.done, p.total), cancel).message

    with progress_display(f"recording {options.record}") as show:
        message = interruptible(work, cancel.cancel)
    print(message)
    return 0


def _print_blind(faults: dict[str, str]) -> None:
    """Say on stderr which cameras see nothing, before the others are recorded with them."""
    for name, fault in list(faults.items())[:NAMED_CAMERAS]:
        print(f"note: camera {name} sees nothing: {fault}; check R and T: x_camera = R x_world + T", file=sys.stderr)
    if len(faults) > NAMED_CAMERAS:
        print(f"note: {len(faults) - NAMED_CAMERAS} more cameras see nothing", file=sys.stderr)


def _rig(name: str, video: VolumetricVideo, bundle: object) -> Sequence[RigCamera]:
    if name != CAPTURE:
        return load_rig(Path(name), SceneTimes(video.num_frames, video.metadata.fps))
    if not video.metadata.cameras:
        raise InputError(str(bundle), "has no cameras of its capture", "name a file with cameras: --rig CAMERAS.json")
    return name_cameras((("", camera) for camera in video.metadata.cameras), str(bundle))
