"""Is a camera early or late? Its masks are compared with the other cameras' at other moments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.inspection.candidates import Jury
from training.inspection.reading import CameraReading

MAX_OFFSET = 10
"""Frames by which a camera may be early or late."""

POWER = 1.7
"""The disagreement grows with about this power of the offset."""

MIN_FRACTION = 0.3
"""Offsets nearer to a whole frame count as whole frames."""

_VISIBLE = 1.6  # disagreement, relative to that of a camera that is right, from which parts of a frame are reported
_STEEP = 4.0  # the disagreement one frame before and after the best, relative to the best, that shows that time matters


@dataclass(frozen=True)
class OffsetFit:
    """The offset in time with which a camera agrees best."""

    offset: float
    """Frames, in multiples of a hundredth; 0 if the camera is in time."""
    before: float
    """Disagreement as the camera is."""
    after: float
    """Disagreement with the offset. For parts of a frame it is expected, not measured."""
    clear: bool
    """Whether the disagreement depends on time clearly, and the offset explains it."""


def fit_offset(jury: Jury, camera: int, current: CameraReading, noise: float, reach: int = MAX_OFFSET) -> OffsetFit:
    """Find the offset of a camera.

    Args:
        jury: cameras that agree.
        camera: the camera.
        current: how it is read.
        noise: disagreement of a camera that is right.
        reach: largest offset in frames that is tried.
    """
    scores: dict[int, float] = {}

    def score(offset: int) -> float:
        if offset not in scores:
            shifted = replace(current, frame_offset=current.frame_offset + offset)
            scores[offset] = jury.disagreement(camera, shifted)
        return scores[offset]

    reach = min(reach, jury.panel.footage.num_frames - 1)
    best = min((o for step in range(reach + 1) for o in sorted({step, -step})), key=score)
    sides = [max(score(best + side) - noise, 1e-6) for side in (-1, 1)]
    if not all(np.isfinite(sides)):
        return OffsetFit(float(best), score(0), score(best), score(best) < score(0) / 3)
    middle = max(score(best) - noise, 0.0)
    fraction = _lowest(*sides)
    steep = sum(sides) > _STEEP * middle and sum(sides) > 2.5 * noise
    if abs(fraction) < MIN_FRACTION:
        return OffsetFit(float(best), score(0), score(best), steep and best != 0 and score(best) < 0.6 * score(0))
    expected = max(sides) * (abs(fraction) / (1 + abs(fraction))) ** POWER  # what the fraction leaves at the best whole frame
    after = noise + max(0.0, middle - expected)
    return OffsetFit(
        best + round(fraction, 2),
        score(0),
        after,
        steep and score(0) > _VISIBLE * noise and after < noise + 0.6 * max(middle, noise),
    )


def _lowest(left: float, right: float) -> float:
    """Return where a curve |x - x0|^POWER has its lowest point x0, given its values at -1 and 1."""
    ratio = (left / right) ** (1 / POWER)
    return float((ratio - 1) / (ratio + 1))
