"""What a recording is to be: its options, its size, the view of every frame, and whether it can be written."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import InputError
from common.memory import check_memory
from model.camera import MAX_IMAGE_SIDE
from model.video import VolumetricVideo
from renderer.backend import RenderSettings
from viewer.camera_path.frame_schedule import FrameSchedule, check_range, orbit_schedule, path_schedule
from viewer.camera_path.path import CameraPath
from viewer.export.encoders import DEFAULT_QUALITY
from viewer.export.image_files import BYTES_PER_PIXEL
from viewer.export.image_sink import check_folder
from viewer.export.projection import DEFAULT_SIZES, Projection
from viewer.export.projection_renderer import check_projection
from viewer.export.video_sink import check_video, exact_rate
from viewer.export.view_values import VALUE_MODES
from viewer.picture.backdrop import bytes_behind
from viewer.picture.tone import over_black
from viewer.settings import DisplaySettings

DEFAULT_SIZE = (1280, 720)
"""Default width and height of an orbit, pixels."""


@dataclass(frozen=True)
class RecordOptions:
    """Options of a recording."""

    size: tuple[int, int] | None = None
    """Width and height in pixels, of both eyes together. None means the size of `DEFAULT_SIZES` for panoramas, VR180 and
    orbits in stereo, `DEFAULT_SIZE` for other orbits, and along other paths that of the first camera, for each eye."""
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


def _loaded(path: CameraPath | str) -> CameraPath:
    return path if isinstance(path, CameraPath) else CameraPath.load(Path(path))


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
