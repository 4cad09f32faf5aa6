"""Record offline: render a camera path frame by frame to a video or a folder of images. No window is needed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.locks import exclusive
from common.numbers import counted
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, DeviceFailed, PreparedFrame, RenderCancelled, RenderedImage, Renderer
from renderer.fallback import FallbackRenderer
from viewer.camera_path.foreign import SceneTimes, load_any
from viewer.camera_path.frame_schedule import FrameSchedule
from viewer.camera_path.path import CameraPath
from viewer.export.downsampling import averaged, downsampled
from viewer.export.frame_sink import FrameSink, Output
from viewer.export.image_files import over_background, straight_alpha
from viewer.export.image_sink import ImageSink
from viewer.export.projection_renderer import with_projection
from viewer.export.record_checks import checked_options
from viewer.export.record_options import RecordOptions, check_output, is_folder, plan, recording_size
from viewer.export.sound_track import SoundTrack, sound_track
from viewer.export.unseen import check_path_sees
from viewer.export.video_sink import VideoSink, exact_rate, free_partial_path
from viewer.export.view_values import value_image
from viewer.picture.backdrop import Backdrop, BackdropMaker, pixels_behind, with_shadow
from viewer.picture.options import picture
from viewer.picture.tone import graded
from viewer.picture.views import ViewPixels, colored


@dataclass(frozen=True)
class RecordProgress:
    """Progress of a recording."""

    done: int
    """Number of finished images: one per frame, or one per frame and camera of a rig."""
    total: int
    """Number of all images."""
    seconds_left: float
    """Estimated time left, seconds; infinite before the first frame."""
    visible: bool = False
    """Whether something is visible in one of the finished images."""


@dataclass(frozen=True)
class RecordResult:
    """Result of a recording."""

    frames: int
    """Number of finished frames."""
    cancelled: bool
    """Whether it was stopped early."""
    message: str
    """One sentence that names the file."""
    seen: frozenset[str] = frozenset()
    """Names of the views (`PlannedView.name`) in whose images something is visible."""


def record(
    renderer: Renderer,
    video: VolumetricVideo,
    output: Path,
    path: CameraPath | str = "orbit",
    options: RecordOptions = RecordOptions(),
    progress: Callable[[RecordProgress], None] | None = None,
    cancel: CancelToken | None = None,
) -> RecordResult:
    """Render a camera path into a video or a folder of images.

    Args:
        renderer: the backend.
        video: the scene.
        output: .mp4 or .webm, else a folder for numbered images.
        path: a `CameraPath`, the name of a PATH.json, or "orbit".
        options: size, rate, range, format.
        progress: called before the first and after every frame, in this thread.
        cancel: ends the recording; the finished frames stay playable.

    Raises:
        InputError: the options or the path are wrong, the path never sees the scene, or the output cannot be written. The
            message says which frames are saved.
        KeyboardInterrupt: the user interrupted. Its text says what was saved.
    """
    options, named = checked_options(options), path
    if path != "orbit" and not isinstance(path, CameraPath):
        path = load_any(Path(path), SceneTimes(video.num_frames, video.metadata.fps))
    size = recording_size(path, options)
    schedule = plan(video, path, size, options)
    check_output(output, size, options)
    if not options.projection.spherical:
        check_path_sees(named, schedule, video)
    sound = recorded_sound(video, output, schedule, options, cancel or CancelToken())
    with exclusive(output) as lock:
        if not is_folder(output):
            lock.note(free_partial_path(output))
        sink = open_sink(output, size, options.fps or video.metadata.fps, options)
        if isinstance(sink, VideoSink):
            sink.sound = sound.samples
        views = (PlannedView(schedule.time(k), schedule.camera(k), sink) for k in range(schedule.count))
        plan_of_views = PlannedRecording(sink, views, schedule.count, schedule.count)
        result = record_views(plan_of_views, renderer, video, output, options, progress, cancel or CancelToken())
        if result.cancelled:
            return result
        lock.remove_leftovers()
        return replace(result, message=result.message + sound.note)


def recorded_sound(
    video: VolumetricVideo, output: Path, schedule: FrameSchedule, options: RecordOptions, cancel: CancelToken
) -> SoundTrack:
    """Return the sound of a recording. Folders of images have none; a cancelled recording will not need it."""
    if is_folder(output) or video.metadata.sound is None:
        return SoundTrack()
    fps = float(exact_rate(options.fps or video.metadata.fps))
    try:
        return sound_track(video, schedule.played(), schedule.count / fps, cancel.check)
    except RenderCancelled:
        return SoundTrack()


@dataclass(frozen=True)
class PlannedView:
    """One image of a recording."""

    time: float
    """Frame index of the scene."""
    camera: Camera
    """View, in the recording's size."""
    sink: FrameSink
    """Where the image goes."""
    name: str = ""
    """Name of the camera, if there are several."""


@dataclass(frozen=True)
class PlannedRecording:
    """What a recording renders, and where it goes."""

    output: Output
    """Completed at the end, aborted when the recording fails."""
    views: Iterable[PlannedView]
    """The images in their order. Views of one time that follow each other share its decoded frame."""
    images: int
    """Number of views."""
    frames: int
    """Number of frames that the output has in the end."""


def record_views(
    planned: PlannedRecording,
    renderer: Renderer,
    video: VolumetricVideo,
    target: Path,
    options: RecordOptions,
    progress: Callable[[RecordProgress], None] | None,
    token: CancelToken,
) -> RecordResult:
    """Render the views of a plan into its output; `target` names it in messages. Errors are those of `record`."""
    fallback, output, count = FallbackRenderer(renderer), planned.output, planned.frames
    rendering = with_projection(fallback, options.projection, video)
    seen: set[str] = set()
    try:
        for done in _render_all(rendering, video, planned, options, token, seen):
            if progress is not None:
                progress(done)
    except RenderCancelled:
        frames = output.frames
        return RecordResult(frames, True, f"stopped after {frames} of {counted(count, 'frame')}: {output.abort()}")
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            f"{target}: interrupted after {output.frames} of {counted(count, 'frame')}; {output.abort()}"
        ) from interrupt
    except BaseException:
        output.abort()
        raise
    output.finish()
    note = f" ({fallback.note})" if fallback.note else ""
    note += "" if seen else " (nothing is visible in any of them)"
    return RecordResult(output.frames, False, f"{counted(output.frames, 'frame')} written to {target}{note}", frozenset(seen))


def open_sink(output: Path, size: tuple[int, int], fps: float, options: RecordOptions) -> FrameSink:
    """Open the output that its name selects; raise InputError if that is impossible."""
    if is_folder(output):
        return ImageSink(output, options.image_format)
    return VideoSink(output, *size, fps, options.codec, options.quality, options.transparent, projection=options.projection)


def _render_all(
    renderer: Renderer,
    video: VolumetricVideo,
    planned: PlannedRecording,
    options: RecordOptions,
    cancel: CancelToken,
    seen: set[str],
) -> Iterator[RecordProgress]:
    """Yield before the first and after every image. `seen` gets the names of the views in which something is visible."""
    began, total = time.monotonic(), planned.images
    backdrops = BackdropMaker(renderer, video, options.display, options.settings, options.up)
    yield RecordProgress(0, total, math.inf)
    for done, view in enumerate(_render_ahead(renderer, video, planned.views, options, backdrops, cancel), start=1):
        written = view
        try:
            view.sink.write(*_written(view, video, options))
        except DeviceFailed:  # the image was lost with the device; the renderer continues with another one
            written = replace(view, image=renderer.render(view.frame, view.camera, options.settings, cancel=cancel))
            view.sink.write(*_written(written, video, options))
        if view.name not in seen and written.image.rgba[..., 3].any():
            seen.add(view.name)
        elapsed = time.monotonic() - began
        yield RecordProgress(done, total, elapsed / done * (total - done), bool(seen))


@dataclass(frozen=True)
class _RenderedView:
    image: RenderedImage
    frame: PreparedFrame
    camera: Camera
    sink: FrameSink
    name: str
    behind: Backdrop | None


def _render_ahead(
    renderer: Renderer,
    video: VolumetricVideo,
    views: Iterable[PlannedView],
    options: RecordOptions,
    backdrops: BackdropMaker,
    cancel: CancelToken,
) -> Iterator[_RenderedView]:
    """Yield every image when the next one is rendered: until then, a graphics card may still be copying it."""
    frame: PreparedFrame | None = None
    waiting: _RenderedView | None = None
    for view in views:
        cancel.check()
        if frame is None or frame.time != view.time:
            frame = renderer.prepare(video, view.time)
        behind = backdrops.behind(frame, view.camera, cancel)
        camera = _enlarged(view.camera, options.supersampling)
        image = renderer.render(frame, camera, options.settings, cancel=cancel)
        if waiting is not None:
            yield waiting
        waiting = _RenderedView(image, frame, camera, view.sink, view.name, behind)
    if waiting is not None:
        yield waiting


def _written(
    view: _RenderedView, video: VolumetricVideo, options: RecordOptions
) -> tuple[NDArray[np.uint8] | NDArray[np.uint16]] | tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the sink writes of an image."""
    if isinstance(view.sink, ImageSink) and options.image_format == "exr":
        return downsampled(view.image, options.supersampling)
    if isinstance(view.sink, ImageSink) and options.values:
        return (value_image(options.display.mode, *downsampled(view.image, options.supersampling)),)
    return (finished(picture(view.image, view.frame, view.camera, video.config, options.display), options, view.behind),)


def finished(view: ViewPixels, options: RecordOptions, behind: Backdrop | None = None) -> NDArray[np.uint8]:
    """Return the 8-bit pixels of a frame in the recording's size, over the background or with straight alpha.

    Args:
        view: what is shown of each pixel.
        options: supersampling, tone and background.
        behind: picture, panorama and shadow; None for none.
    """
    average = ViewPixels(averaged(view.pixels, options.supersampling), view.legend)
    rgba = graded(colored(average, options.display.color_map), options.display)
    rgba = with_shadow(rgba, options.display, behind)
    if options.transparent:
        return straight_alpha(rgba)
    return over_background(rgba, pixels_behind(options.display, behind, rgba.shape[1], rgba.shape[0]))


def _enlarged(camera: Camera, factor: int) -> Camera:
    return camera if factor == 1 else camera.resized(camera.width * factor, camera.height * factor)
