"""Recording: the camera path rendered offline, or what is on screen as it is shown."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.camera_path.path import CameraPath
from viewer.export.background_sink import BackgroundSink
from viewer.export.recorder import RecordOptions, RecordProgress, record
from viewer.export.summary import MeasuredSizes
from viewer.export.video_sink import VideoSink
from viewer.work.job import Job

SCREEN_RATE = 30.0
"""Frames a second of a screen recording."""


def offline_job(
    renderer: Renderer,
    video: VolumetricVideo,
    output: Path,
    path: CameraPath | str,
    options: RecordOptions,
    wake: object,
    sizes: MeasuredSizes | None = None,
) -> Job:
    """Render a path to a file on a thread of its own; cancelling keeps what is finished, as the recorder promises.

    `sizes` learns from the finished file.
    """
    path = CameraPath(list(path.keyframes), path.tension) if isinstance(path, CameraPath) else path
    options = replace(options)

    def work(job: Job) -> str:
        def report(progress: RecordProgress) -> None:
            job.report(progress.done / progress.total, f"{progress.done} of {progress.total} frames")

        result = record(renderer, video, output, path, options, report, job.cancel)
        if sizes is not None and not result.cancelled:
            sizes.note(output, result.frames, options)
        return result.message

    return Job(f"Rendering {output.name}", work, wake)  # type: ignore[arg-type]


class ScreenRecording:
    """A video of what is shown, at a steady rate: pictures are repeated or left out as the clock wants.

    Encoding has a thread of its own; a picture that comes while it lags behind is left out, the time stays right.

    Args:
        output: .mp4 or .webm.
        size: pixels of the first picture; later ones are cropped or padded to it.
        quality: 0 (best) to 51.
        fps: frames a second.
    """

    def __init__(self, output: Path, size: tuple[int, int], quality: float, fps: float = SCREEN_RATE) -> None:
        self.output = output
        """The file that `finish` makes."""
        self.size = max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)
        """Even, as video wants it."""
        self._sink = BackgroundSink(VideoSink(output, *self.size, fps, None, quality, live=True))
        self._fps = fps
        self._began = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether the next picture is due."""
        return self._missing() > 0

    @property
    def seconds(self) -> float:
        """How long it is so far."""
        return self._sink.frames / self._fps

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Take a picture, (H, W, 3): the one before is repeated until now. Raises what the encoder met."""
        count = self._missing()
        if count > 0:
            self._sink.hold(count - 1)
            self._sink.write(fitted_pixels(pixels, *self.size))

    def finish(self) -> str:
        """Complete the file and say what it is; may take a while.

        Raises:
            InputError: it cannot be written, or nothing was recorded.
        """
        # The frame that has just begun is left out: a recording is as long as what was shown, to the frame.
        self._sink.hold(self._missing() - 1)
        if self._sink.frames == 0:
            raise InputError(self.output, "nothing was recorded", self._sink.abort())
        self._sink.finish()
        return f"{self._sink.frames} frames written to {self.output}"

    def abort(self) -> None:
        """Give up after a fault; what was finished stays in the partial file."""
        self._sink.abort()

    def _missing(self) -> int:
        return int((time.monotonic() - self._began) * self._fps) + 1 - self._sink.frames


def fitted_pixels(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Crop or pad with black to a size, the upper left corner in place."""
    if pixels.shape[:2] == (height, width):
        return pixels
    result = np.zeros((height, width, 3), np.uint8)
    part = pixels[:height, :width]
    result[: part.shape[0], : part.shape[1]] = part
    return result


def typed_path(text: str) -> Path:
    """A file or folder as people type it, with ~ for a home folder; InputError when it is nobody's."""
    try:
        return Path(text.strip()).expanduser()
    except RuntimeError as error:
        raise InputError(text, "names a home folder that does not exist") from error


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """A file name that is not taken yet: stem.suffix, stem-2.suffix, ..."""
    candidate, number = folder / f"{stem}{suffix}", 2
    while candidate.exists():
        candidate, number = folder / f"{stem}-{number}{suffix}", number + 1
    return candidate
