"""The commands --mesh and --export-path: surfaces for 3D programs, and camera paths for Blender and nerfstudio."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.interrupts import interruptible
from common.numbers import counted
from common.progress import progress_display
from renderer.backend import CancelToken
from viewer.camera_path.foreign import SceneTimes, load_any
from viewer.camera_path.path import CameraPath
from viewer.commands.headless import DEFAULT_SIZE, frame_range, naming_file, read_with_progress
from viewer.export.camera_path_files import check_path_file, save_path
from viewer.export.mesh import MeshOptions
from viewer.export.mesh_export import export_meshes
from viewer.export.record_options import RecordOptions, plan, recording_size


def mesh(options: argparse.Namespace) -> int:
    """Run --mesh: write the surface of each frame as a mesh or a point cloud, with progress on stderr."""
    choices = MeshOptions(options.resolution or MeshOptions.resolution, options.density)
    video = read_with_progress(options)
    frames, cancel = frame_range(options, video) or (0, 1), CancelToken()
    count = frames[1] - frames[0]

    def work() -> list[Path]:
        def report(done: int, total: int, part: float) -> None:
            show(round(100 * (done + part)), 100 * count)

        return export_meshes(video, options.mesh, frames, choices, options.points, report, cancel)

    with progress_display(f"extracting {options.mesh}, percent") as show:
        written = interruptible(work, cancel.cancel)
    others = f" to {written[-1]}" if len(written) > 1 else ""
    print(f"{counted(len(written), 'file')} written: {written[0]}{others}")
    return 0


def export_path(options: argparse.Namespace) -> int:
    """Run --export-path: write the cameras of a path as glTF or for nerfstudio."""
    check_path_file(options.export_path)
    video = read_with_progress(options)
    name = options.path or "orbit"
    path: CameraPath | str = name if name == "orbit" else load_any(Path(name), SceneTimes(video.num_frames, video.metadata.fps))
    size = options.size or (DEFAULT_SIZE if name == "orbit" else None)
    choices = RecordOptions(size=size, fps=options.fps, frames=frame_range(options, video), seconds=options.seconds)
    with naming_file(name):
        schedule = plan(video, path, recording_size(path, choices), choices)
    fps = options.fps or video.metadata.fps
    with progress_display(f"exporting {options.export_path}") as show:
        notes = save_path(options.export_path, schedule, fps, video.num_frames, video.metadata.up, show)
    print(
        "\n".join([f"{counted(schedule.count, 'view')} written to {options.export_path}", *(f"note: {note}" for note in notes)])
    )
    return 0
