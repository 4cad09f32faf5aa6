"""What a recording writes to: a file or folder that receives frames, or several of them together."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class FrameSink(Protocol):
    """Receives the frames of a recording: a `VideoSink` or an `ImageSink`."""

    frames: int

    def write(self, pixels: NDArray[Any], depth: NDArray[np.float32] | None = None) -> None:
        """Add a frame: (H, W, 3) or (H, W, 4) pixels, and for formats that store it the depth, (H, W) meters."""

    def finish(self) -> None:
        """Complete the output."""

    def abort(self) -> str:
        """Stop early and return what was saved."""


class Output(Protocol):
    """All that a recording writes: one `FrameSink`, or several together."""

    @property
    def frames(self) -> int:
        """Number of frames written so far."""

    def finish(self) -> None:
        """Complete the output."""

    def abort(self) -> str:
        """Stop early and return what was saved."""
