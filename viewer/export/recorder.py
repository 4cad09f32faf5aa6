"""Record offline: render a camera path frame by frame to a video or a folder of images. No window is needed."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.locks import exclusive
from common.memory import check_memory
from model.camera import MAX_IMAGE_SIDE, Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, DeviceFailed, PreparedFrame, RenderCancelled, RenderedImage, Renderer, RenderSettings
from renderer.fallback import FallbackRenderer
from viewer.camera_path.foreign import SceneTimes, load_any
from viewer.camera_path.frame_schedule import FrameSchedule, check_range, orbit_schedule, path_schedule
from viewer.camera_path.path import CameraPath
from viewer.export.downsampling import averaged, downsampled
from viewer.export.encoders import DEFAULT_QUALITY
from viewer.export.frame_sink import FrameSink, Output
from viewer.export.image_files import BYTES_PER_PIXEL, over_background, straight_alpha
from viewer.export.image_sink import ImageSink, check_folder
from viewer.export.projection import DEFAULT_SIZES, Projection
from viewer.export.projection_renderer import check_projection, with_projection
from viewer.export.record_checks import checked_options
from viewer.export.sound_track import SoundTrack, sound_track
from viewer.export.unseen import check_path_sees
from viewer.export.video_sink import VideoSink, check_video, exact_rate, free_partial_path
from viewer.export.view_values import VALUE_MODES, value_image
from viewer.picture.backdrop import Backdrop, BackdropMaker, bytes_behind, pixels_behind, with_shadow
from viewer.picture.options import picture
from viewer.picture.tone import graded, over_black
from viewer.picture.views import ViewPixels, colored
from viewer.settings import DisplaySettings

DEFAULT_SIZE = (1280, 720)
"""Default width and height of an orbit, pixels."""


@dataclass(frozen=True)
class RecordOptions:
    """Options of a recording."""

    size: tuple[int, int] | None = None
    """Width and height in pixels. None means the size of the path's first camera, or 1280x720 for an orbit."""
    fps: float | None = None
    """Frames per second of the recording; None means the capture's. It does not change the scene's speed."""
    frames: tuple[int, int] | None = None
    """(A, B): frames A to B - 1 of the scene play in a loop at the capture's speed. None means all frames, or the path's own
    track."""
    seconds: float | None = None
    """Length of an orbit in seconds; None means as long as the frames last."""
    supersampling: int = 1
    """Images are rendered at this multiple of the size along both axes, then averaged; 1 to 8."""
    display: DisplaySettings = field(default_factory=over_black)
    """What each pixel shows, tone and background. EXR files keep color and depth as rendered instead."""
    up: tuple[float, float, float] | None = None
    """Direction that is up for panorama and shadow; None is the video's."""
    projection: Projection = Projection()
    """What the camera's image is: a pinhole's, a panorama, or stereo. Depth of panoramas and VR180 is along the ray."""
    transparent: bool = False
    """Write transparency instead of a background; for WebM and PNG."""
    codec: str | None = None
    """One of `viewer.codecs.CODECS`; None means the first one that the container supports."""
    quality: float = DEFAULT_QUALITY
    """0 (best) to 51."""
    image_format: str = "png"
    """"png" or "exr", for folders."""
    values: bool = False
    """For folders of PNG images of depth or opacity: write numbers (`viewer.export.view_values`) instead of colors."""
    settings: RenderSettings = RenderSettings()
    """Step and threshold that replace the bundle's."""


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
        return RecordResult(frames, True, f"stopped after {frames} of {count} frames: {output.abort()}")
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            f"{target}: interrupted after {output.frames} of {count} frames; {output.abort()}"
        ) from interrupt
    except BaseException:
        output.abort()
        raise
    output.finish()
    note = f" ({fallback.note})" if fallback.note else ""
    note += "" if seen else " (nothing is visible in any of them)"
    return RecordResult(output.frames, False, f"{output.frames} frames written to {target}{note}", frozenset(seen))


def plan(video: VolumetricVideo, path: CameraPath | str, size: tuple[int, int], options: RecordOptions) -> FrameSchedule:
    """Plan the scene time and camera of every frame; raise InputError for a bad path, range or rate.

    The cameras of images with two eyes have the size of one eye's image.
    """
    size = options.projection.eye_size(*size)
    fps = float(exact_rate(options.fps or video.metadata.fps))
    if path == "orbit":
        frames = check_range(options.frames, video.num_frames)
        if options.seconds is not None and not (math.isfinite(options.seconds) and options.seconds > 0):
            raise InputError(f"length {options.seconds:g}", "must be a positive number of seconds")
        return orbit_schedule(video.bounds, video.metadata.up, size, frames, video.metadata.fps, fps, options.seconds)
    return path_schedule(_loaded(path), size, video.num_frames, options.frames, video.metadata.fps, fps)


def check_output(output: Path, size: tuple[int, int], options: RecordOptions) -> None:
    """Raise InputError if this cannot be recorded, before anything is rendered."""
    if options.values and (options.display.mode not in VALUE_MODES or options.image_format != "png" or not is_folder(output)):
        raise InputError(output, "only depth and opacity can be written as numbers, into a folder of PNG images")
    if options.supersampling not in range(1, 9):
        raise InputError(f"supersampling {options.supersampling}", "must be 1 to 8")
    if not all(1 <= side * options.supersampling <= MAX_IMAGE_SIDE for side in size):
        raise InputError(f"size {size[0]}x{size[1]}", f"must be 1 to {MAX_IMAGE_SIDE} pixels per side, including supersampling")
    check_projection(options.projection, size, options.display)
    parts = 1 if options.projection.name == "perspective" else 2  # the image and what it is put together from
    check_memory(
        parts * size[0] * size[1] * (options.supersampling**2 * BYTES_PER_PIXEL + bytes_behind(options.display)),
        f"size {size[0]}x{size[1]}",
        "use a smaller one",
    )
    if is_folder(output):
        check_folder(output, options.image_format)
    else:
        check_video(output, options.codec, options.transparent)


def is_folder(output: Path) -> bool:
    """Return whether the output is a folder for images: it is a folder already, or its name has no suffix."""
    return os.path.isdir(output) or output.suffix == ""  # False for names that no file can have, where Path.is_dir raises


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


def _loaded(path: CameraPath | str) -> CameraPath:
    return path if isinstance(path, CameraPath) else CameraPath.load(Path(path))


def recording_size(path: CameraPath | str, options: RecordOptions) -> tuple[int, int]:
    """Return width and height of a recording, pixels; raise InputError if the path is bad."""
    if options.size is not None:
        return options.size
    if path == "orbit":
        return DEFAULT_SIZES.get(options.projection.name, DEFAULT_SIZE)
    if options.projection.spherical:
        return DEFAULT_SIZES[options.projection.name]
    first = _loaded(path).camera(0.0)
    return first.width * len(options.projection.eyes), first.height
