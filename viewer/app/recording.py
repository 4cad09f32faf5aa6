"""Start and stop recordings: the camera path rendered offline, or the screen as it is shown."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.locks import exclusive, is_locked
from common.numbers import counted
from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.app.jobs import Jobs
from viewer.app.messages import Messages
from viewer.app.redraw import Redraw
from viewer.camera_path.path import CameraPath
from viewer.export.background_sink import BackgroundSink
from viewer.export.played_parts import PlayedParts
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import RecordProgress, record
from viewer.export.summary import MeasuredSizes
from viewer.export.video_sink import VideoSink, free_partial_path
from viewer.settings import RecordingSettings
from viewer.work.job import Job

SCREEN_RATE = 30.0
"""Frames per second of a screen recording."""


def offline_job(
    renderer: Renderer,
    video: VolumetricVideo,
    output: Path,
    path: CameraPath | str,
    options: RecordOptions,
    wake: object,
    sizes: MeasuredSizes | None = None,
) -> Job:
    """Render a path to a file in the background. After cancelling, finished frames are kept.

    `sizes` learns from the finished file.
    """
    path = CameraPath(list(path.keyframes), path.tension) if isinstance(path, CameraPath) else path
    options = replace(options)

    def work(job: Job) -> str:
        def report(progress: RecordProgress) -> None:
            job.report(progress.done / progress.total, f"{progress.done} of {progress.total} frames")

        result = record(renderer, video, output, path, options, report, job.cancel)
        if sizes is not None and not result.cancelled:
            sizes.record(output, result.frames, options)
        return result.message

    return Job(f"Rendering {output.name}", work, wake)  # type: ignore[arg-type]


class ScreenRecording:
    """A video of the screen at a steady rate. Pictures are repeated or left out to follow the clock.

    Another thread encodes. If it falls behind, pictures are left out and those before them last longer, so the time stays
    right.

    Args:
        output: .mp4 or .webm.
        size: pixels of the first picture; later ones are cropped or padded to it.
        quality: 0 (best) to 51.
        fps: frames per second.

    Raises:
        InputError: the file cannot be created, or another recording writes it.
    """

    def __init__(self, output: Path, size: tuple[int, int], quality: float, fps: float = SCREEN_RATE) -> None:
        self.output = output
        """The file that `finish` completes."""
        self.size = max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)
        """Width and height, even as video requires."""
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(exclusive(output))
            lock.note(free_partial_path(output))
            self._sink = BackgroundSink(VideoSink(output, *self.size, fps, None, quality, live=True))
            self._lock, self._held = lock, stack.pop_all()
        self._fps = fps
        self._began = time.monotonic()
        self._played = PlayedParts()

    def follow(self, video: VolumetricVideo, seconds: float | None) -> None:
        """Take note of what plays on the screen now, for the sound of the recording.

        Args:
            video: the video in front.
            seconds: its time; None while it does not play forward at its own speed.
        """
        self._played.follow(video, seconds, time.monotonic() - self._began)

    @property
    def due(self) -> bool:
        """Whether the next picture is needed now."""
        return self._missing() > 0

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self._sink.frames / self._fps

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Add a picture, (H, W, 3); the previous one is repeated until now. Raises the encoder's errors."""
        count = self._missing()
        if count > 0:
            self._sink.hold(count - 1)
            self._sink.write(fitted_pixels(pixels, *self.size))

    @property
    def left_out(self) -> int:
        """Number of pictures that were left out, because the encoder was too slow."""
        return self._sink.left_out

    def finish(self, job: Job | None = None) -> str:
        """Complete the file and return a sentence about it; may take a while.

        Args:
            job: shows the progress. When it is cancelled, the pictures that are encoded stay in the partial file.

        Raises:
            InputError: it cannot be written, or nothing was recorded.
        """
        # The frame that has just begun is left out, so that the recording is exactly as long as what was shown.
        with self._held:
            self._sink.hold(self._missing() - 1)
            if self._sink.frames == 0:
                raise InputError(self.output, "nothing was recorded", self._sink.abort())
            if job is not None:
                self._sink.drain(lambda share: job.report(share, "encoding what was shown"), lambda: job.cancel.cancelled)
                if job.cancel.cancelled:
                    return f"{self.output.name}: stopped; {self._sink.abort()}"
            track = self._played.track(self.seconds)
            self._sink.finish(track.samples)
            self._lock.remove_leftovers()
        return f"{counted(self._sink.frames, 'frame')} written to {self.output}{self._note()}{track.note}"

    def _note(self) -> str:
        if not self.left_out:
            return ""
        return f"; the encoder was too slow for {self.left_out} pictures (a smaller window helps)"

    def abort(self) -> None:
        """Stop after an error; finished frames stay in the partial file."""
        with self._held:
            self._sink.abort()

    def _missing(self) -> int:
        return int((time.monotonic() - self._began) * self._fps) + 1 - self._sink.frames


class Recording:
    """Screenshots and recordings of the screen, and where all recordings go.

    Args:
        settings: folder and compression.
        messages: shows what was saved.
        jobs: completes recordings in the background.
        redraw: notified when a picture is needed.
    """

    def __init__(self, settings: RecordingSettings, messages: Messages, jobs: Jobs, redraw: Redraw) -> None:
        self._settings, self._messages, self._jobs, self._redraw = settings, messages, jobs, redraw
        self.screen: ScreenRecording | None = None
        """The screen recording under way."""
        self.screenshot_pending = False
        """Whether the next finished picture is to be saved."""
        self.with_interface = False
        """Whether screenshots and screen recordings show the interface."""
        self.window_pixels = (1280, 800)
        """Width and height of the whole window, set by the window."""
        self.sizes = MeasuredSizes()
        """Sizes of finished recordings, for estimates."""

    @property
    def folder(self) -> Path:
        """Where screenshots, recordings and exports go by default."""
        chosen = self._settings.folder
        try:
            return typed_path(chosen) if chosen else Path.cwd()
        except InputError:
            return Path(chosen)  # writing to it fails with a message that names the missing folder

    def take_screenshot(self) -> None:
        """Save the next finished picture."""
        self.screenshot_pending = True
        self._redraw.request()

    def start(self, stem: str, view_size: tuple[int, int]) -> None:
        """Begin to record the view, or the whole window with its interface.

        Args:
            stem: beginning of the file's name.
            view_size: width and height of the view in pixels.
        """
        output = free_path(self.folder, f"{stem}-screen", ".mp4")
        size = self.window_pixels if self.with_interface else view_size
        self.screen = ScreenRecording(output, size, self._settings.quality)
        self._messages.set_status(f"Recording the screen to {output}")

    def stop(self) -> None:
        """Complete the screen recording in the background, if there is one."""
        recording, self.screen = self.screen, None
        if recording is not None:
            self._jobs.start(Job(f"Finishing {recording.output.name}", recording.finish, self._redraw.notify, brief=True))


def fitted_pixels(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Crop or pad with black to a size, the upper left corner in place."""
    if pixels.shape[:2] == (height, width):
        return pixels
    result = np.zeros((height, width, 3), np.uint8)
    part = pixels[:height, :width]
    result[: part.shape[0], : part.shape[1]] = part
    return result


def typed_path(text: str) -> Path:
    """Return a typed path, with ~ replaced by the home folder; InputError if there is no such home folder."""
    try:
        return Path(text.strip()).expanduser()
    except RuntimeError as error:
        raise InputError(text, "names a home folder that does not exist") from error


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """Return a file name that does not exist yet and that no recording writes: stem.suffix, stem-2.suffix, ..."""
    candidate, number = folder / f"{stem}{suffix}", 2
    while os.path.lexists(candidate) or is_locked(candidate):
        candidate, number = folder / f"{stem}-{number}{suffix}", number + 1
    return candidate
