"""Write a sound into a video file: AAC in MP4, Opus in WebM."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.sound.decode import CHANNELS, RATE, Samples
from model.sound.encode import audio_frames

ENCODERS = {"mp4": ("aac", 192000), "webm": ("libopus", 128000)}
"""FFmpeg's encoder of the sound in each container, and its bits per second."""


class SoundWriter:
    """Adds a track of sound to a container and encodes into it, in pieces between the packets of the pictures.

    Args:
        av: the video library.
        container: the opened output.
        samples: (N, 2) int16 at 48 kHz; the first one belongs to the first picture.
    """

    def __init__(self, av: Any, container: Any, samples: Samples) -> None:
        self._container = container
        encoder, rate = ENCODERS[container.format.name]
        self._stream = container.add_stream(encoder, rate=RATE, layout="stereo", bit_rate=rate)
        self._frames = iter(audio_frames(av, samples))
        self._written = 0.0  # seconds that were passed to the encoder

    def write_until(self, seconds: float) -> None:
        """Encode at least up to this time."""
        while self._written < seconds and (frame := next(self._frames, None)) is not None:
            self._container.mux(self._stream.encode(frame))
            self._written += frame.samples / RATE

    def finish(self) -> None:
        """Encode the rest."""
        self.write_until(float("inf"))
        self._container.mux(self._stream.encode(None))


def fitted_sound(samples: Samples, seconds: float) -> Samples:
    """Return exactly this length of a sound, with silence after its end."""
    count = round(seconds * RATE)
    if len(samples) >= count:
        return samples[:count]
    result = np.zeros((count, CHANNELS), np.int16)
    result[: len(samples)] = samples
    return result
