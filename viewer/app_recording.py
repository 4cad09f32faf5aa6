"""Recording: the camera path rendered offline, or what is on screen as it is shown."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import InputError
from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.app_jobs import Job
from viewer.camera_path import CameraPath
from viewer.recorder import RecordOptions, RecordProgress, record
from viewer.video_sink import VideoSink

SCREEN_RATE = 30.0
"""Frames a second of a screen recording."""

MAX_WAITING = 12
"""Pictures that wait for the encoder at most."""


def offline_job(
    renderer: Renderer, video: VolumetricVideo, output: Path, path: CameraPath | str, options: RecordOptions, wake: object
) -> Job:
    """Render a path to a file on a thread of its own; cancelling keeps what is finished, as the recorder promises."""
    path = CameraPath(list(path.keyframes), path.tension) if isinstance(path, CameraPath) else path
    options = replace(options)

    def work(job: Job) -> str:
        def report(progress: RecordProgress) -> None:
            job.report(progress.done / progress.total, f"{progress.done} of {progress.total} frames")

        return record(renderer, video, output, path, options, report, job.cancel).message

    return Job(f"Rendering {output.name}", work, wake)  # type: ignore[arg-type]


class ScreenRecording:
    """A video of what is shown, at a steady rate: pictures are repeated or left out as the clock wants.

    Encoding has a thread of its own; while it lags behind no new pictures are taken.

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
        self.error: Exception | None = None
        """Why nothing more can be recorded."""
        self._sink = VideoSink(output, *self.size, fps, None, quality)
        self._fps = fps
        self._taken = 0
        self._queue: queue.Queue[tuple[NDArray[np.uint8], int] | None] = queue.Queue(MAX_WAITING)
        self._began = time.monotonic()
        self._last: NDArray[np.uint8] | None = None
        self._thread = threading.Thread(target=self._encode, name="encode", daemon=True)
        self._thread.start()

    @property
    def due(self) -> bool:
        """Whether the next picture is due and the encoder has room for it."""
        return not self._queue.full() and self._missing() > 0

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Take a picture, (H, W, 3): the one before is repeated until now. Raises what the encoder met."""
        if self.error is not None:
            raise self.error
        count = self._missing()
        if count > 0 and not self._queue.full():
            if self._last is not None and count > 1:
                self._put(self._last, count - 1)
            self._last = fitted_pixels(pixels, *self.size)
            self._put(self._last, 1)

    def finish(self) -> str:
        """Complete the file and say what it is; may take a while.

        Raises:
            InputError: it cannot be written, or nothing was recorded.
        """
        if self._last is not None and self.error is None:
            # The frame that has just begun is left out: a recording is as long as what was shown, to the frame.
            self._put(self._last, max(self._missing() - 1, 0))
        self._queue.put(None)
        self._thread.join()
        if self.error is not None:
            raise self.error
        if self._sink.frames == 0:
            raise InputError(self.output, "nothing was recorded", self._sink.abort())
        self._sink.finish()
        return f"{self._sink.frames} frames written to {self.output}"

    def _missing(self) -> int:
        return int((time.monotonic() - self._began) * self._fps) + 1 - self._taken

    def _put(self, pixels: NDArray[np.uint8], count: int) -> None:
        self._taken += max(count, 0)
        self._queue.put((pixels, count))

    def _encode(self) -> None:
        while (entry := self._queue.get()) is not None:
            pixels, count = entry
            try:
                for _ in range(count if self.error is None else 0):
                    self._sink.write(pixels)
            except Exception as error:  # delivered by `add` and `finish`
                self.error = error


def fitted_pixels(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Crop or pad with black to a size, the upper left corner in place."""
    if pixels.shape[:2] == (height, width):
        return pixels
    result = np.zeros((height, width, 3), np.uint8)
    part = pixels[:height, :width]
    result[: part.shape[0], : part.shape[1]] = part
    return result


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """A file name that is not taken yet: stem.suffix, stem-2.suffix, ..."""
    candidate, number = folder / f"{stem}{suffix}", 2
    while candidate.exists():
        candidate, number = folder / f"{stem}-{number}{suffix}", number + 1
    return candidate
