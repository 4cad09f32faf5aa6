"""Encode on a background thread, so that recording the screen does not slow down the window."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model.sound.decode import Samples
from viewer.export.video_sink import VideoSink

WAITING = 8
"""Number of images that may wait for the encoder."""

LATE_REPEATS = 60
"""Number of frames that repeat an image and are still encoded once the recording has ended."""

POLL_SECONDS = 0.1
"""Time between two checks whether waiting for the end was cancelled."""

Pixels = NDArray[np.uint8]


class BackgroundSink:
    """Passes images to a `VideoSink` on a separate thread; `write` never waits.

    When the encoder falls behind, an image is dropped and the previous one is shown longer, so that the video keeps real time.
    Then the frames that only repeat an image are not encoded either. So no more than `WAITING` images and `LATE_REPEATS`
    repeated ones are left to encode when the recording ends, however long it was.

    Args:
        sink: the file. Nothing else may use it from now on.
    """

    def __init__(self, sink: VideoSink) -> None:
        self.frames = 0
        """Number of frames requested so far."""
        self.left_out = 0
        """Number of images dropped because the encoder was too slow."""
        self._sink = sink
        self._queue: queue.Queue[tuple[int, Pixels] | None] = queue.Queue(WAITING)
        self._owed = 0  # frames that repeat the last queued image
        self._late_repeats: int | None = None  # how many may still be encoded; None before the end
        self._discarding = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"encode {sink.path.name}", daemon=True)
        self._thread.start()

    def write(self, pixels: Pixels) -> None:
        """Add a frame, (H, W, 3). The caller must not change its pixels afterwards.

        Raises:
            InputError: an earlier frame could not be written. The message says which frames are saved.
        """
        self._raise()
        self.frames += 1
        try:
            self._queue.put_nowait((self._owed, pixels))
            self._owed = 0
        except queue.Full:
            self._owed += 1
            self.left_out += 1

    def hold(self, frames: int) -> None:
        """Repeat the last image for more frames. Before the first image this does nothing."""
        if self.frames and frames > 0:
            self.frames += frames
            self._owed += frames

    def drain(self, report: Callable[[float], None] = lambda _: None, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Wait until all images are encoded. Once it is cancelled, those that wait are discarded.

        Args:
            report: called with the share that is done.
            cancelled: whether to stop; polled.
        """
        if not self._thread.is_alive():
            return
        self._late_repeats = LATE_REPEATS
        total = self._queue.qsize() + 1
        self._discarding = cancelled()
        self._queue.put(None)
        while self._thread.is_alive():
            self._discarding = self._discarding or cancelled()
            report(1 - min(self._queue.qsize() / total, 1.0))
            self._thread.join(POLL_SECONDS)

    def finish(self, sound: Samples | None = None) -> None:
        """Wait for the encoder and complete the file, with a sound if there is one; raise InputError if that fails."""
        self.drain()
        self._raise()
        self._sink.sound = sound
        self._sink.finish()

    def abort(self) -> str:
        """Stop early and return what was saved."""
        self.drain()
        return self._sink.abort()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        last: Pixels | None = None
        while (entry := self._queue.get()) is not None:
            owed, pixels = entry
            self._repeat(last, owed)
            self._encode(pixels)
            last = pixels
        self._repeat(last, self._owed - 1)
        if self._owed:  # the last frame is encoded: it determines the length of the file
            self._encode(last)

    def _repeat(self, pixels: Pixels | None, frames: int) -> None:
        """Let the last image last for more frames. Encode them only while the encoder keeps up."""
        while frames > 0 and self._keeps_up():
            self._encode(pixels)
            frames -= 1
        if frames > 0 and self._error is None and not self._discarding:
            self._sink.skip(frames)

    def _keeps_up(self) -> bool:
        if self._late_repeats is not None:
            self._late_repeats -= 1
            if self._late_repeats < 0:
                return False
        return self._queue.qsize() < WAITING // 2

    def _encode(self, pixels: Pixels | None) -> None:
        if pixels is None or self._error is not None or self._discarding:
            return
        try:
            self._sink.write(pixels)
        except Exception as error:  # raised by the next `write` or `finish`, in the thread that can show it to the user
            self._error = error
