"""The scene time and the camera of every frame of a recording."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from common.errors import InputError
from model.camera import Camera
from viewer.camera_path.path import CameraPath
from viewer.camera_path.presets import orbit_camera

MAX_FRAMES = 1_000_000
"""Maximum number of frames. Longer recordings are treated as a mistake."""


IN_TIME = 0.02
"""Largest distance between the time of the scene and that of a clock, seconds, at which the scene plays at its own speed."""


@dataclass(frozen=True)
class PlayedRange:
    """A part of a recording in which the scene plays forward at its own speed. There its sound fits."""

    start: float
    """Time of the recording, seconds."""
    scene_start: float
    """Time of the scene at that moment, seconds."""
    seconds: float
    """Length."""


@dataclass(frozen=True)
class FrameSchedule:
    """The plan of a recording: frame k shows the scene at `time(k)` from `camera(k)`, for k from 0 to `count` - 1."""

    count: int
    """Number of frames of the recording."""
    time: Callable[[int], float]
    """Frame index of the scene."""
    camera: Callable[[int], Camera]
    """View, already in the recording's size."""
    played: Callable[[], tuple[PlayedRange, ...]] = tuple
    """Returns where the scene plays forward at its own speed; takes time for a long camera path."""


def clip_time(k: int, video_fps: float, fps: float, first: int, end: int) -> float:
    """Return the scene's frame index at output frame `k`. Frames `first` to `end` - 1 play in a loop at the capture's speed.

    The time is exactly ``first + (k * video_fps / fps) mod (end - first)``. The last frame is held for its duration, since
    there is nothing between it and the first one.
    """
    passed = (k * video_fps / fps) % (end - first)
    passed = round(passed) if abs(passed - round(passed)) < 1e-6 else passed
    return float(min(first + passed % (end - first), end - 1))


def clip_ranges(count: int, video_fps: float, fps: float, first: int, end: int) -> tuple[PlayedRange, ...]:
    """Return the passes of the clip of `clip_time` in a recording of `count` frames. A single frame does not play."""
    if end - first < 2:
        return ()
    total, length = count / fps, (end - first) / video_fps
    starts = [index * length for index in range(math.ceil(total / length - 1e-9))]
    return tuple(PlayedRange(start, first / video_fps, min(length, total - start)) for start in starts)


def frames_of(seconds: float, fps: float) -> int:
    """Return the number of frames of a clip of this length, at least 1.

    Raises:
        InputError: the clip is longer than `MAX_FRAMES`.
    """
    count = float(seconds * fps)  # infinite for a length such as 1e308
    if count > MAX_FRAMES + 0.5:
        raise InputError(f"recording of {count:.10g} frames", f"is longer than {MAX_FRAMES}", "choose a shorter one")
    return max(1, round(count))


def check_range(frames: tuple[int, int] | None, num_frames: int) -> tuple[int, int]:
    """Return the range A:B (B not included) or all frames; raise InputError unless 0 <= A < B <= num_frames."""
    first, end = frames or (0, num_frames)
    if not 0 <= first < end <= num_frames:
        raise InputError(f"frames {first}:{end}", f"must lie within 0:{num_frames} and contain at least one frame")
    return first, end


def orbit_schedule(
    box: ArrayLike,
    up: ArrayLike,
    size: tuple[int, int],
    frames: tuple[int, int],
    video_fps: float,
    fps: float,
    seconds: float | None = None,
) -> FrameSchedule:
    """Plan one turn around the box while frames A to B - 1 play in a loop. It lasts `seconds`, or as long as the frames.

    Raises:
        InputError: the box is a point, or the turn is longer than `MAX_FRAMES`.
    """
    if not np.ptp(np.asarray(box, np.float64), axis=0).any():
        raise InputError("orbit", "has nothing to turn around: the crop boxes leave nothing", "move or enlarge them")
    count = frames_of((frames[1] - frames[0]) / video_fps if seconds is None else seconds, fps)
    corners = np.asarray(box, dtype=np.float64)
    return FrameSchedule(
        count,
        lambda k: clip_time(k, video_fps, fps, *frames),
        lambda k: orbit_camera(corners, up, k / count, *size),
        lambda: clip_ranges(count, video_fps, fps, *frames),
    )


def path_schedule(
    path: CameraPath, size: tuple[int, int], num_frames: int, frames: tuple[int, int] | None, video_fps: float, fps: float
) -> FrameSchedule:
    """Plan a camera path, both ends included: frame k shows the path at its start + k / fps.

    The scene time comes from the path's own track of frames. With a range A:B it comes from the clock instead: frames A to
    B - 1 play once at the capture's speed. If the path is shorter, its last view is held.

    Raises:
        InputError: a keyframe shows a frame that the video does not have, or the range is not within the video.
    """
    if frames is not None:
        first, end = check_range(frames, num_frames)
        count = frames_of((end - first) / video_fps, fps)
        return FrameSchedule(
            count,
            lambda k: clip_time(k, video_fps, fps, first, end),
            lambda k: path.camera(path.start + k / fps).fitted(*size),
            lambda: clip_ranges(count, video_fps, fps, first, end),
        )
    for index, keyframe in enumerate(path.keyframes):
        if not 0 <= keyframe.frame <= num_frames - 1:
            raise InputError(f"keyframe {index}", f"shows frame {keyframe.frame:g}; this video has 0 to {num_frames - 1}")
    path.camera(path.start)  # raises InputError for an empty path
    count = frames_of((np.floor(path.duration * fps + 1e-6) + 1) / fps, fps)
    return FrameSchedule(
        count,
        lambda k: path.frame(path.start + k / fps),
        lambda k: path.camera(path.start + k / fps).fitted(*size),
        lambda: _track_range([path.frame(path.start + k / fps) / video_fps for k in range(count)], fps),
    )


def _track_range(times: list[float], fps: float) -> tuple[PlayedRange, ...]:
    """Return the whole recording if the scene plays at its own speed all the time, otherwise nothing.

    Args:
        times: time of the scene in each frame, seconds.
        fps: frames per second of the recording.
    """
    in_time = all(abs(time - times[0] - k / fps) <= IN_TIME for k, time in enumerate(times))
    return (PlayedRange(0.0, times[0], len(times) / fps),) if in_time and len(times) > 1 else ()
