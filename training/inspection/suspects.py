"""Find the cameras that disagree with the others: without them, the others agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.inspection.comparison import FrameEvidence, mean_gap

MIN_DISAGREEMENT = 0.0012
"""Minimum disagreement of a suspect, as a share of the subject's radius: about one pixel along a part of the outline."""

DISAGREEMENT_RATIO = 3.0
"""Minimum disagreement of a suspect, in multiples of the median camera's."""

CLEAN = 0.0012
"""Mean gap, as a share of the subject's radius, below which cameras agree as well as pixels allow."""

IMPROVEMENT = 4.0
"""An explanation is accepted if it divides the mean gap by this factor."""

_ENOUGH = 6  # with fewer cameras, the others agree after removing almost any of them


def disagreements(found: list[FrameEvidence], trusted: Sequence[int], num_cameras: int) -> NDArray[np.float64]:
    """Return how much each trusted camera disagrees with the other trusted ones, (num_cameras,); 0 for the rest.

    The disagreement is the mean gap of the camera's own subject pixels, plus the sum of what its mask adds to the mean gap of
    each other camera.
    """
    values: list[list[float]] = [[] for _ in range(num_cameras)]
    for frame in found:
        kept = np.flatnonzero(np.isin(frame.scene.present, list(trusted)))
        if len(kept) < 3:
            continue
        gaps = frame.evidence.gaps(kept).mean(axis=1)
        without = frame.evidence.gaps_without_each(kept).mean(axis=1)  # (m, m): of the row's camera, without the column's
        added = (gaps[:, None] - without).sum(axis=0) - (gaps - np.diagonal(without))
        for index, value in zip(frame.scene.present[kept], gaps + added, strict=True):
            values[index].append(float(value))
    return np.array([without_worst(own) if own else 0.0 for own in values])


def without_worst(values: list[float]) -> float:
    """Return the mean of a camera's values in several frames; infinite without values.

    The largest of four or more values is left out, because single masks may be bad.
    """
    kept = sorted(values)[:-1] if len(values) >= 4 else values
    return float(np.mean(kept)) if kept else np.inf


def find_suspects(found: list[FrameEvidence], cameras: Sequence[int], num_cameras: int) -> tuple[list[int], list[int]]:
    """Remove the camera that disagrees most until the rest agrees.

    The rest agrees if no camera disagrees much more than the others. If that is so from the start, two wrong cameras may have
    raised the disagreement of all. Cameras are then removed only if that divides the mean gap, and if there are enough.

    Returns:
        The cameras that agree, and those that were removed, the worst first. If no removal of up to a third of the cameras
        makes the rest agree, none is removed.
    """
    trusted = list(cameras)
    removed: list[int] = []
    first, even = mean_gap(found, trusted), False
    while True:
        values = disagreements(found, trusted, num_cameras)[trusted]
        worst = int(values.argmax())
        balanced = values[worst] < max(MIN_DISAGREEMENT, DISAGREEMENT_RATIO * float(np.median(np.delete(values, worst))))
        even = balanced if not removed else even
        if balanced and (not even or mean_gap(found, trusted) < (first / IMPROVEMENT if removed else CLEAN)):
            return trusted, removed
        most = max(1, len(cameras) // 3) if not even or len(cameras) >= _ENOUGH else 0
        if len(removed) + 1 > most or len(trusted) <= 3:
            return list(cameras), []
        removed.append(trusted.pop(worst))
