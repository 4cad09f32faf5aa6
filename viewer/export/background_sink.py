"""Encode on a background thread, so that recording the screen does not slow down the window."""

from __future__ import annotations

import queue
import threading

import numpy as np
from numpy.typing import NDArray

from model.sound.decode import Samples
from viewer.export.video_sink import VideoSink

WAITING = 8
"""Number of images that may wait for the encoder."""

Pixels = NDArray[np.uint8]


class BackgroundSink:
    """Passes images to a `VideoSink` on a separate thread; `write` never waits.

    When the encoder falls behind, an image is dropped and the previous one is shown longer, so that the video keeps real time.

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
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"encode {sink.path.name}", daemon=True)
        self._thread.start()

    def write(self, pixels: Pixels) -> None:
        """Add a frame. The caller must not change its pixels afterwards.

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

    def finish(self, sound: Samples | None = None) -> None:
        """Wait for the encoder and complete the file, with a sound if there is one; raise InputError if that fails."""
        self._end()
        self._raise()
        self._sink.sound = sound
        self._sink.finish()

    def abort(self) -> str:
        """Stop early and return what was saved."""
        self._end()
        return self._sink.abort()

    def _end(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        last: Pixels | None = None
        while (entry := self._queue.get()) is not None:
            owed, pixels = entry
            self._encode(last, owed)
            self._encode(pixels, 1)
            last = pixels
        self._encode(last, self._owed)

    def _encode(self, pixels: Pixels | None, frames: int) -> None:
        try:
            for _ in range(frames):
                if pixels is not None and self._error is None:
                    self._sink.write(pixels)
        except Exception as error:  # raised by the next `write` or `finish`, in the thread that can show it to the user
            self._error = error
