"""Count work as a graphics card executes it: by waves, whose rays do the same step at the same time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.opengl_estimate import WAVE
from renderer.opengl.targets import MAX_KEPT

LANES = WAVE[0] * WAVE[1]
"""Rays of a wave."""


def waves(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split values (H, W, N) into waves (waves, rays, N); rays beyond the image get zeros."""
    columns, rows = WAVE
    padded = np.pad(values, [(0, -values.shape[0] % rows), (0, -values.shape[1] % columns), (0, 0)])
    height, width, depth = padded.shape
    split = padded.reshape(height // rows, rows, width // columns, columns, depth)
    return split.transpose(0, 2, 1, 3, 4).reshape(-1, LANES, depth)


def union_of_steps(steps: NDArray[np.int64]) -> int:
    """Count the steps of each wave (waves, rays, N) in which any ray has a sample; 0 means no step."""
    return sum(len(np.unique(wave[wave > 0])) for wave in steps)


def color_waves(color: NDArray[np.int64]) -> int:
    """Count the executions of the color when each ray (H, W) colors up to `MAX_KEPT` samples in a round."""
    rounds = range(-(-int(color.max(initial=0)) // MAX_KEPT))
    kept = [np.clip(color - MAX_KEPT * turn, 0, MAX_KEPT) for turn in rounds]
    return sum(int(waves(samples[..., None]).max((1, 2)).sum()) for samples in kept)


def head_fetches(heads: NDArray[np.int64], group: int) -> int:
    """Count the times that waves fetch a head if each ray colors `group` samples at once; heads (H, W, 8, planes)."""
    total = 0
    for plane in range(heads.shape[-1]):
        for first in range(0, heads.shape[2], group):
            ordered = np.sort(heads[:, :, first : first + group, plane], -1)
            distinct = (np.diff(ordered, axis=-1, prepend=-1) != 0).sum(-1)
            total += int(waves(distinct[..., None]).max((1, 2)).sum())
    return total
