"""Read a camera's video file: the time of each frame, and the frames themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.camera import MAX_IMAGE_SIDE
from training.captures.images import Pixels

CONTAINERS = {
    **dict.fromkeys((".mp4", ".mov", ".m4v"), "mov"),
    **dict.fromkeys((".mkv", ".webm"), "matroska"),
    **dict.fromkeys((".ts", ".mts", ".m2ts"), "mpegts"),
    ".avi": "avi",
}
"""Suffixes of video files, and FFmpeg's name of each format. No other format is tried: some of them, such as playlists, make
FFmpeg open further files and addresses."""

MAX_FRAMES = 1_000_000
"""Maximum number of frames of a video."""


@dataclass(frozen=True, eq=False)
class Video:
    """What is known about a video file before its frames are decoded."""

    path: Path
    """The file."""
    size: tuple[int, int]
    """Width and height of the upright images, in pixels."""
    times: NDArray[np.float64]
    """(N,) seconds from the first frame at which each frame is shown, ascending. A variable frame rate is kept."""
    timestamps: NDArray[np.int64]
    """(N,) the same in the file's own units, to recognize decoded frames."""

    @property
    def fps(self) -> float:
        """Average number of frames per second; 0 for a video of one frame."""
        return (len(self.times) - 1) / float(self.times[-1]) if len(self.times) > 1 else 0.0

    def frames_at(self, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the index of the frame nearest to each time, -1 for times that lie more than a frame outside the video."""
        after = np.clip(np.searchsorted(self.times, seconds), 1, max(len(self.times) - 1, 1))
        before = after - 1
        after = np.minimum(after, len(self.times) - 1)
        nearest = np.where(seconds - self.times[before] <= self.times[after] - seconds, before, after)
        outside = np.abs(self.times[nearest] - seconds) > self._longest_gap(nearest)
        return np.where(outside, -1, nearest)

    def _longest_gap(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the time between a frame and its neighbor, whichever is further away."""
        if len(self.times) == 1:
            return np.full(indices.shape, 0.5)
        gaps = np.diff(self.times)
        return np.maximum(gaps[np.maximum(indices - 1, 0)], gaps[np.minimum(indices, len(gaps) - 1)])


def open_video(path: Path) -> Video:
    """Read a video's size and the times of its frames. All packets are read, none but the first frame is decoded.

    Args:
        path: a file with one of the suffixes in `CONTAINERS`.

    Raises:
        InputError: the file is missing, not such a video, damaged, or too large.
    """
    with _opened(path) as (container, stream):
        upright = _upright(next(container.decode(stream)))
        height, width = upright.shape[:2]
        container.seek(0)
        timestamps = _timestamps(path, container.demux(stream))
        seconds = (timestamps - timestamps[0]) * float(stream.time_base)
        return Video(path, (width, height), seconds, timestamps)


def read_frames(video: Video, indices: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
    """Decode some frames of a video, in the order of their times.

    Args:
        video: from `open_video`.
        indices: frames to return.

    Yields:
        Index and image, (H, W, 3) uint8, upright.

    Raises:
        InputError: the file is damaged or has changed, so that a frame cannot be decoded.
    """
    missing = set(indices)
    if not missing:
        return
    with _opened(video.path) as (container, stream):
        container.seek(int(video.timestamps[min(missing)]), stream=stream)  # to the key frame before
        for frame in container.decode(stream):
            index = int(np.searchsorted(video.timestamps, frame.pts)) if frame.pts is not None else len(video.timestamps)
            if index in missing and video.timestamps[index] == frame.pts:
                missing.remove(index)
                yield index, _upright(frame)
            if not missing:
                return
    raise InputError(video.path, f"frame {min(missing)} cannot be decoded", "the file is damaged or has changed")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a video of a known format; turn every fault into an `InputError`."""
    container_format = CONTAINERS.get(path.suffix.lower())
    if container_format is None:
        raise InputError(path, "is not a video of a known format", f"convert it to one of {', '.join(CONTAINERS)}")
    try:
        # A file object instead of a name: FFmpeg would take the part of a name before a colon for a protocol.
        with path.open("rb") as file, av.open(file, format=container_format) as container:
            stream = next((stream for stream in container.streams.video), None)
            if stream is None:
                raise InputError(path, "contains no video")
            if max(stream.width, stream.height) > MAX_IMAGE_SIDE:
                raise InputError(path, f"has more than {MAX_IMAGE_SIDE} pixels per side")
            yield container, stream
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except StopIteration as error:
        raise InputError(path, "contains no frame") from error
    except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise InputError(path, "cannot be read as a video; it may be truncated or damaged") from error


def _timestamps(path: Path, packets: Iterator[Any]) -> NDArray[np.int64]:
    found = []
    for packet in packets:
        if packet.size and not packet.is_discard:
            found.append(packet.pts)
        if len(found) > MAX_FRAMES:
            raise InputError(path, f"has more than {MAX_FRAMES:,} frames")
    if not found:
        raise InputError(path, "contains no frame with a time")
    if None in found or len(set(found)) < len(found):  # AVI cannot describe frames in another order than they are stored
        advice = f"convert it, for instance with: ffmpeg -fflags +genpts -i {path.name} {path.stem}.mp4"
        raise InputError(path, "does not say when each frame is shown", advice)
    return np.sort(np.array(found, dtype=np.int64))


def _upright(frame: av.VideoFrame) -> Pixels:
    """Return a frame's pixels as a player shows them: turned as the file says."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))
