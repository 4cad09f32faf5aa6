"""Find cameras that are early or late: their masks are compared with the other cameras' at other times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.inspection.reading import CameraReading
from training.inspection.reference_cameras import ReferenceCameras

MAX_OFFSET = 10
"""Maximum number of frames by which a camera may be early or late."""

POWER = 1.7
"""The disagreement grows with about this power of the offset."""

MIN_FRACTION = 0.3
"""Offsets nearer to a whole frame count as whole frames."""

_VISIBLE = 1.6  # fractions of a frame are reported above this multiple of a correct camera's disagreement
_STEEP = 4.0  # time matters if the disagreements one frame before and after the best exceed this multiple of the best


@dataclass(frozen=True)
class OffsetFit:
    """The offset in time with which a camera agrees best."""

    offset: float
    """Frames, in multiples of a hundredth; 0 if the camera is synchronous."""
    before: float
    """Disagreement as the camera is."""
    after: float
    """Disagreement with the offset. For fractions of a frame it is estimated, not measured."""
    clear: bool
    """Whether the disagreement clearly depends on time, and the offset explains it."""


def fit_offset(
    reference: ReferenceCameras, camera: int, current: CameraReading, noise: float, reach: int = MAX_OFFSET
) -> OffsetFit:
    """Find the offset of a camera.

    Args:
        reference: cameras that agree.
        camera: the camera.
        current: how it is read.
        noise: typical disagreement of a correct camera.
        reach: maximum offset to try, in frames.
    """
    scores: dict[int, float] = {}

    def score(offset: int) -> float:
        if offset not in scores:
            shifted = replace(current, frame_offset=current.frame_offset + offset)
            scores[offset] = reference.disagreement(camera, shifted)
        return scores[offset]

    reach = min(reach, reference.comparison.footage.num_frames - 1)
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
