"""The loudness of a sound over time, for drawing it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.sound.decode import RATE, Samples

BLOCK = 256
"""Samples whose peak is computed once, when the sound is decoded: 5 ms, less than a pixel of the timeline shows."""

Peaks = NDArray[np.float32]
"""(N,) largest magnitudes, 0 to 1."""


def block_peaks(samples: Samples) -> Peaks:
    """Return the peak of every `BLOCK` samples over both channels, ceil(N / BLOCK) of them."""
    count = -(-len(samples) // BLOCK)
    padded = np.zeros((count * BLOCK, samples.shape[1]), np.int16)
    padded[: len(samples)] = samples
    blocks = padded.reshape(count, BLOCK * samples.shape[1])
    highest, lowest = blocks.max(axis=1, initial=0), blocks.min(axis=1, initial=0)
    return np.maximum(highest, -lowest.astype(np.float32)).astype(np.float32) / 32768


def column_peaks(peaks: Peaks, offset: float, start: float, end: float, columns: int) -> Peaks:
    """Return the peak of each column of a picture of the sound.

    Args:
        peaks: of blocks.
        offset: time of the video at which the sound begins, seconds.
        start: time of the video at the left edge, seconds.
        end: time of the video at the right edge, seconds.
        columns: number of columns.

    Returns:
        (columns,) 0 to 1; 0 where there is no sound.
    """
    edges = (np.linspace(start, end, columns + 1) - offset) * (RATE / BLOCK)
    first = np.floor(edges[:-1] + 1e-6).astype(np.int64)
    stop = np.maximum(np.ceil(edges[1:] - 1e-6).astype(np.int64), first + 1)
    inside = (stop > 0) & (first < len(peaks))
    ranges = np.stack([first.clip(0, len(peaks)), stop.clip(0, len(peaks))], axis=1)
    values = np.maximum.reduceat(np.append(peaks, np.float32(0)), ranges.ravel())[::2]
    return np.where(inside, values, np.float32(0))
