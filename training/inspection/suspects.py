"""Find the cameras that disagree with the others: those whose removal makes the others agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.inspection.panel import FrameEvidence, mean_gap

MIN_BLAME = 0.0012
"""Least blame of a camera that disagrees, as a share of the subject's radius: about one pixel at a part of the outline."""

BLAME_RATIO = 3.0
"""A camera disagrees if it has this many times the blame of the median camera."""

CLEAN = 0.0012
"""Mean gap, as a share of the subject's radius, below which cameras agree as well as pixels allow."""

IMPROVEMENT = 4.0
"""An explanation is accepted if it divides the mean gap by this."""

_ENOUGH = 6  # cameras; of fewer, almost any that is removed makes the others agree


def blame(found: list[FrameEvidence], trusted: Sequence[int], num_cameras: int) -> NDArray[np.float64]:
    """Return how much each trusted camera disagrees with the other trusted ones, (num_cameras,); 0 for the rest.

    That is the mean gap of its own subject pixels, plus what its mask adds to the gaps of all others, which is counted once per
    other camera.
    """
    values: list[list[float]] = [[] for _ in range(num_cameras)]
    for frame in found:
        kept = np.flatnonzero(np.isin(frame.scene.present, list(trusted)))
        if len(kept) < 3:
            continue
        gaps = frame.evidence.gaps(kept).mean(axis=1)
        without = frame.evidence.gaps_without_each(kept).mean(axis=1)  # (m, m): of whom, without whom
        added = (gaps[:, None] - without).sum(axis=0) - (gaps - np.diagonal(without))
        for index, value in zip(frame.scene.present[kept], gaps + added, strict=True):
            values[index].append(float(value))
    return np.array([without_worst(of_camera) if of_camera else 0.0 for of_camera in values])


def without_worst(values: list[float]) -> float:
    """Return the mean of a camera's values in several frames, without the largest of four or more: a mask may be bad now and
    then. Infinite without values."""
    kept = sorted(values)[:-1] if len(values) >= 4 else values
    return float(np.mean(kept)) if kept else np.inf


def find_suspects(found: list[FrameEvidence], cameras: Sequence[int], num_cameras: int) -> tuple[list[int], list[int]]:
    """Remove the camera that disagrees most until the rest agrees.

    The rest agrees if no camera has much more blame than the others. If that is so from the start, two wrong cameras may put
    the blame on all: then cameras are removed if that divides the mean gap, and if there are enough of them.

    Returns:
        The cameras that agree, and those that were removed, the worst first. If no removal of up to a third of the cameras
        makes the rest agree, none is removed.
    """
    trusted = list(cameras)
    removed: list[int] = []
    first, even = mean_gap(found, trusted), False
    while True:
        values = blame(found, trusted, num_cameras)[trusted]
        worst = int(values.argmax())
        balanced = values[worst] < max(MIN_BLAME, BLAME_RATIO * float(np.median(np.delete(values, worst))))
        even = balanced if not removed else even
        if balanced and (not even or mean_gap(found, trusted) < (first / IMPROVEMENT if removed else CLEAN)):
            return trusted, removed
        most = max(1, len(cameras) // 3) if not even or len(cameras) >= _ENOUGH else 0
        if len(removed) + 1 > most or len(trusted) <= 3:
            return list(cameras), []
        removed.append(trusted.pop(worst))
