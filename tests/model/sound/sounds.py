"""Sounds for tests: clicks, and WAV files that the standard library writes."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.sound.decode import RATE, Samples
from model.sound.encode import encode_opus
from model.sound.stored import VideoSound

CLICK_SAMPLES = 48
"""Length of a click: a millisecond."""


def clicks(seconds: float, times: Sequence[float], level: int = 20000) -> Samples:
    """Return silence with a click of a millisecond (3 kHz) at each time, on both channels."""
    samples = np.zeros((round(seconds * RATE), 2), np.int16)
    for time in times:
        start = round(time * RATE)
        piece = samples[start : start + CLICK_SAMPLES]
        piece[...] = np.where(np.arange(len(piece)) // 8 % 2, -level, level)[:, None]
    return samples


def click_sound(seconds: float, times: Sequence[float], offset: float = 0.0) -> VideoSound:
    """Return such a sound as Opus."""
    data = encode_opus(clicks(seconds, times))
    return VideoSound("clicks.opus", lambda: data, offset=offset)


def click_times(samples: NDArray[np.int16], threshold: int = 6000) -> list[float]:
    """Return the times at which the sound becomes loud after at least 0.1 s of silence, seconds."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)).max(axis=1) > threshold) / RATE
    return [float(time) for k, time in enumerate(loud) if k == 0 or time - loud[k - 1] > 0.1]


def wav_bytes(samples: NDArray[np.int16], rate: int = RATE) -> bytes:
    """Return a WAV file of samples, (N, channels)."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return stream.getvalue()
