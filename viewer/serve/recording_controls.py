"""Record a video on the server, and download it in the browser."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.numbers import counted
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import RecordProgress, record
from viewer.serve.events import Call, Post, assign, on_click
from viewer.serve.shared_frames import SharedFrames
from viewer.serve.visitor import Visitor
from viewer.settings import RecordingSettings
from viewer.work.job import Job

SIZES = {"512 x 512": (512, 512), "1280 x 720": (1280, 720), "1920 x 1080": (1920, 1080)}
"""Sizes that a visitor can choose, pixels."""

ORBIT, CURRENT = "Orbit", "This view"
"""Labels of the camera paths."""

REFRESH_SECONDS = 0.2
"""Time between two states of the progress bar."""


class RecordingControls:
    """The folder Recording. The server keeps no recording: it is in a temporary folder until the browser has it.

    Args:
        client: viser's handle of the browser.
        visitor: whose view and range are recorded.
        frames: the decoded frames.
        settings: compression.
        name: beginning of the file's name.
        post: gives actions to the server's thread.
        call: calls a function where viser may be used.
    """

    def __init__(
        self,
        client: Any,
        visitor: Visitor,
        frames: SharedFrames,
        settings: RecordingSettings,
        name: str,
        post: Post,
        call: Call,
    ) -> None:
        self._call = call
        self._client, self._visitor, self._frames, self._name = client, visitor, frames, name
        self._settings = settings
        self.job: Job | None = None
        """The recording under way."""
        gui = client.gui
        with gui.add_folder("Recording", expand_by_default=False):
            self.path = gui.add_dropdown("Path", (ORBIT, CURRENT), hint="How the camera moves while the range plays once")
            self.size = gui.add_dropdown("Size", list(SIZES), hint="Width and height of the video")
            self.start = gui.add_button("Record", icon="video", hint="Record the range on the server, then download it")
            self.stop = gui.add_button("Cancel", icon="x", visible=False, hint="End the recording; nothing is kept")
            self.progress = gui.add_progress_bar(0.0, visible=False)
        on_click(self.start, post, lambda _: self._record())
        on_click(self.stop, post, lambda _: self.cancel())

    def refresh(self) -> None:
        """Show the progress, and report the end."""
        job = self.job
        assign(self.start, "disabled", job is not None)
        assign(self.stop, "visible", job is not None)
        assign(self.progress, "visible", job is not None)
        if job is None:
            return
        self.progress.value = 100 * job.fraction
        if not job.running:
            self.job = None
            if job.error is not None:
                raise job.error
            self._client.add_notification("Recording", job.message, auto_close_seconds=10.0)

    def seconds_to_next(self) -> float:
        """Return the seconds until the progress is due."""
        return REFRESH_SECONDS if self.job is not None else math.inf

    def cancel(self) -> None:
        """Ask the recording to stop."""
        if self.job is not None:
            self.job.cancel.cancel()

    def close(self) -> None:
        """Stop the recording and wait for its end."""
        self.cancel()
        if self.job is not None:
            self.job.wait()

    def _record(self) -> None:
        if self.job is not None:
            raise InputError("recording", "is under way", "wait until it ends, or cancel it")
        playback = self._visitor.playback
        first, end = playback.in_point, playback.out_point + 1
        size = SIZES[self.size.value]
        options = RecordOptions(
            size=size,
            frames=(first, end),
            codec="h264",
            quality=self._settings.quality,
            display=replace(self._visitor.display),
        )
        path: CameraPath | str = "orbit" if self.path.value == ORBIT else self._standing(first, end, size)
        self.job = Job("Recording", lambda job: self._work(job, path, options))

    def _standing(self, first: int, end: int, size: tuple[int, int]) -> CameraPath:
        camera = self._visitor.camera
        if camera is None:
            raise InputError("recording", "needs a view, and the browser has sent none yet")
        seconds = (end - first) / self._visitor.playback.fps
        fitted = camera.fitted(*size)
        return CameraPath([Keyframe(0.0, first, fitted), Keyframe(seconds, end - 1, fitted)])

    def _work(self, job: Job, path: CameraPath | str, options: RecordOptions) -> str:
        def report(progress: RecordProgress) -> None:
            job.report(progress.done / progress.total)

        with tempfile.TemporaryDirectory(prefix="mlpvid-") as folder:
            output = Path(folder) / f"{self._name}.mp4"
            result = record(self._frames, self._frames.video, output, path, options, report, job.cancel)
            if result.cancelled:
                return "The recording was cancelled."
            content = output.read_bytes()
        self._call(lambda: self._client.send_file_download(output.name, content, save_immediately=True))
        return f"{counted(result.frames, 'frame')} recorded."
