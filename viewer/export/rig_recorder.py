"""Record all cameras of a rig: every frame is decoded once, and rendered from each camera into a file of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from common.folders import make_folder
from common.locks import Lock, exclusive
from common.memory import check_memory
from common.numbers import counted
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Renderer
from viewer.camera_path.frame_schedule import FrameSchedule, check_range, clip_ranges, clip_time, frames_of
from viewer.camera_path.rig import RigCamera
from viewer.export.frame_sink import FrameSink
from viewer.export.image_sink import check_folder
from viewer.export.record_options import RecordOptions, check_output, is_folder
from viewer.export.recorder import (
    PlannedRecording,
    PlannedView,
    RecordProgress,
    RecordResult,
    open_sink,
    record_views,
    recorded_sound,
)
from viewer.export.unseen import blind_cameras, listed
from viewer.export.video_sink import VideoSink, exact_rate, free_partial_path

ENCODER_BYTES_PER_PIXEL = 40
"""Bytes per pixel that an open video encoder takes at most (measured at 1920x1080: 32 for H.264 and VP9, 20 for HEVC)."""


class RigOutput:
    """The files of all cameras of a rig, completed or aborted together.

    Args:
        folder: the folder that holds them; it is removed if nothing was written into it.
        sinks: one per camera.
    """

    def __init__(self, folder: Path | None, sinks: Sequence[FrameSink]) -> None:
        self.sinks = sinks
        """One per camera."""
        self._folder = folder

    @property
    def frames(self) -> int:
        """Number of frames that all cameras have."""
        return min((sink.frames for sink in self.sinks), default=0)

    def finish(self) -> None:
        """Complete all files. If one cannot be completed, the others are, and InputError is raised for the first."""
        fault: InputError | None = None
        for sink in self.sinks:
            try:
                sink.finish()
            except InputError as error:
                fault = fault or error
        if fault is not None:
            raise fault

    def abort(self) -> str:
        """Stop early and return what was saved."""
        saved = [sink.abort() for sink in self.sinks]
        if self._folder is not None:
            with contextlib.suppress(OSError):  # it has finished frames
                self._folder.rmdir()
        kept = list(dict.fromkeys(text for text in saved if text != "no frame was finished"))
        return kept[0] + (f"; and so on for {len(kept)} cameras" if len(kept) > 1 else "") if kept else "no frame was finished"


def record_rig(
    renderer: Renderer,
    video: VolumetricVideo,
    output: Path,
    rig: Sequence[RigCamera],
    options: RecordOptions = RecordOptions(),
    progress: Callable[[RecordProgress], None] | None = None,
    cancel: CancelToken | None = None,
) -> RecordResult:
    """Record the scene from every camera of a rig. Each frame is decoded once for all of them.

    Args:
        renderer: the backend.
        video: the scene.
        output: NAME.mp4 or NAME.webm: files NAME-CAMERA.mp4. Otherwise a new folder, with a folder of images per camera.
        rig: the cameras. Each keeps the size of its images unless `options` has a size.
        options: size, rate, range, format; an orbit's length does not apply.
        progress: called before the first and after every image, in this thread.
        cancel: ends the recording; the finished frames stay playable.

    Raises:
        InputError: the options are wrong, no camera ever sees the scene, or a file cannot be written. The message says which
            frames are saved.
        KeyboardInterrupt: the user interrupted. Its text says what was saved.
    """
    rig, schedule = plan_rig(video, rig, options)
    sizes = [(named.camera.width, named.camera.height) for named in rig]
    paths = [output_of(output, camera.name) for camera in rig]
    fps = float(exact_rate(options.fps or video.metadata.fps))
    _check_rig(output, paths, sizes, options)
    blind_cameras(rig, schedule, video)
    token = cancel or CancelToken()
    sound = recorded_sound(video, output, schedule, options, token)
    with contextlib.ExitStack() as stack:
        locks = _lock(stack, output, paths)
        opened = _open(output, paths, sizes, fps, options)
        for sink in opened.sinks:
            if isinstance(sink, VideoSink):
                sink.sound = sound.samples
        views = (
            PlannedView(schedule.time(k), named.camera, sink, named.name)
            for k in range(schedule.count)
            for named, sink in zip(rig, opened.sinks, strict=True)
        )
        planned = PlannedRecording(opened, views, schedule.count * len(rig), schedule.count)
        result = record_views(planned, renderer, video, output, options, progress, token)
        for lock in () if result.cancelled else locks:
            lock.remove_leftovers()
    if result.cancelled:
        return result
    message = result.message.replace(str(output), _shown(output), 1)
    unseen = [named.name for named in rig if named.name not in result.seen]
    note = f" (nothing is visible from {listed(unseen)})" if 0 < len(unseen) < len(rig) else ""
    return replace(result, message=f"{counted(len(rig), 'camera')}: {message}{note}{sound.note}")


def plan_rig(video: VolumetricVideo, rig: Sequence[RigCamera], options: RecordOptions) -> tuple[list[RigCamera], FrameSchedule]:
    """Return the cameras in the recording's size, and the frames; raise InputError for a bad range or rate."""
    sized = [RigCamera(named.name, named.camera.fitted(*options.size) if options.size else named.camera) for named in rig]
    fps, scene_fps = float(exact_rate(options.fps or video.metadata.fps)), video.metadata.fps
    first, end = check_range(options.frames, video.num_frames)
    count = frames_of((end - first) / scene_fps, fps)
    schedule = FrameSchedule(
        count,
        lambda k: clip_time(k, scene_fps, fps, first, end),
        lambda k: sized[0].camera,
        lambda: clip_ranges(count, scene_fps, fps, first, end),
    )
    return sized, schedule


def output_of(output: Path, name: str) -> Path:
    """Return the file or folder of one camera: NAME-CAMERA.mp4 next to NAME.mp4, or FOLDER/CAMERA."""
    return output / name if is_folder(output) else output.with_name(f"{output.stem}-{name}{output.suffix}")


def _shown(output: Path) -> str:
    return str(output) if is_folder(output) else str(output.with_name(f"{output.stem}-CAMERA{output.suffix}"))


def _check_rig(output: Path, paths: list[Path], sizes: list[tuple[int, int]], options: RecordOptions) -> None:
    """Raise InputError if a camera cannot be recorded, before anything is rendered."""
    if options.projection.name != "perspective":
        raise InputError(f"projection {options.projection.name}", "does not apply to rigs", "record one camera path instead")
    if is_folder(output):
        check_folder(output, options.image_format)
    for path, size in zip(paths, sizes, strict=True):
        check_output(output if is_folder(output) else path, size, options)
    if not is_folder(output):
        pixels = sum(width * height for width, height in sizes)
        remedy = "use a smaller --size, fewer cameras, or a folder for images"
        check_memory(pixels * ENCODER_BYTES_PER_PIXEL, f"{len(paths)} videos at once", remedy)


def _lock(stack: contextlib.ExitStack, output: Path, paths: list[Path]) -> list[Lock]:
    if is_folder(output):
        return [stack.enter_context(exclusive(output))]
    locks = []
    for path in paths:
        locks.append(stack.enter_context(exclusive(path)))
        locks[-1].note(free_partial_path(path))
    return locks


def _open(output: Path, paths: list[Path], sizes: list[tuple[int, int]], fps: float, options: RecordOptions) -> RigOutput:
    """Open all outputs. If one cannot be opened, those before it are removed again."""
    folder = output if is_folder(output) else None
    if folder is not None:
        make_folder(folder)
    opened: list[FrameSink] = []
    try:
        for path, size in zip(paths, sizes, strict=True):
            opened.append(open_sink(path, size, fps, options))
    except BaseException:
        RigOutput(folder, opened).abort()
        raise
    return RigOutput(folder, opened)
