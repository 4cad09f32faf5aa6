"""Explain why one camera disagrees with the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from training.inspection.comparison import Readings
from training.inspection.hypotheses import Hypothesis, flip_hypotheses, pose_hypotheses, size_hypotheses
from training.inspection.masks import single_mask_rules
from training.inspection.pose import refine_pose
from training.inspection.reading import CameraReading
from training.inspection.reference_cameras import ReferenceCameras
from training.inspection.suspects import MIN_DISAGREEMENT
from training.inspection.timing import MAX_OFFSET, fit_offset

ACCEPTED = 0.3
"""A hypothesis is accepted if at most this share of the disagreement remains."""

_BETTER_POSE = 0.4  # a moved camera is accepted only if less than this share of what the other explanations leave remains


@dataclass(frozen=True)
class Explanation:
    """What is wrong with one camera."""

    code: str
    """Kind of mistake, for programs; empty if nothing explains the disagreement."""
    cause: str
    """What is wrong, as a clause."""
    reading: CameraReading
    """How to read the camera."""
    before: float
    """Disagreement as the capture is, as a share of the subject's radius."""
    after: float
    """Disagreement with this reading."""
    next_best: float = 1.0
    """Disagreement of the best other explanation."""


def find_swaps(reference: ReferenceCameras, readings: Readings, suspects: list[int]) -> dict[int, int]:
    """Return the calibration that each suspect should have, if exchanging their calibrations makes them agree."""
    if len(suspects) < 2:
        return {}
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to load, and few captures need it

    calibrations = [readings[index].calibration for index in suspects]
    costs = np.array([[reference.disagreement(i, replace(readings[i], calibration=c)) for c in calibrations] for i in suspects])
    costs = np.minimum(costs, 10)
    rows, columns = linear_sum_assignment(costs)
    found = {}
    for row, column in zip(rows, columns, strict=True):
        limit = max(ACCEPTED * costs[row, row], 2 * MIN_DISAGREEMENT)
        if row != column and costs[row, column] < limit < costs[row, row]:
            found[suspects[row]] = calibrations[column]
    return found


def explain(reference: ReferenceCameras, camera: int, readings: Readings, noise: float) -> Explanation:
    """Return the explanation that leaves least of a camera's disagreement. Simple ones are preferred to a moved camera.

    Args:
        reference: the cameras that agree.
        camera: the camera.
        readings: readings of all cameras.
        noise: typical disagreement of a correct camera.
    """
    current = readings[camera]
    before = reference.disagreement(camera, current)
    enough = max(MIN_DISAGREEMENT, 2.5 * noise)
    found = list(_discrete(reference, camera, current, before))
    timing = timing_explanation(reference, camera, current, noise)
    found += [timing] if timing else []
    best = min(found, key=lambda explanation: explanation.after)
    others = [e.after for e in found if e.code != best.code]
    best = replace(best, next_best=min(others, default=1.0))
    certain = best.code != "frame_offset" or not best.reading.frame_offset % 1
    if certain and best.after <= min(enough, ACCEPTED * before):
        return best
    moved = refine_pose(reference, camera, current)
    after = reference.disagreement(camera, moved)
    if after < ACCEPTED * before and (not certain or after < _BETTER_POSE * best.after):
        return Explanation("moved", "the camera was moved after calibration", moved, before, after, best.after)
    if best.after < ACCEPTED * before or best.code == "frame_offset":
        return best
    return Explanation("", "no known mistake explains it", current, before, before, best.after)


def _discrete(reference: ReferenceCameras, camera: int, current: CameraReading, before: float) -> Iterator[Explanation]:
    for hypothesis in _hypotheses(reference, camera, current):
        reading = hypothesis.change(current)
        yield Explanation(hypothesis.code, hypothesis.cause, reading, before, reference.disagreement(camera, reading))


def _hypotheses(reference: ReferenceCameras, camera: int, current: CameraReading) -> Iterator[Hypothesis]:
    footage = reference.comparison.footage
    for cause, rule in single_mask_rules(current.mask):
        yield Hypothesis("mask", cause, partial(replace, mask=rule))
    yield from flip_hypotheses()
    yield from pose_hypotheses(current)
    yield from size_hypotheses(footage, [camera])
    if np.any(footage.calibrations[current.calibration].D):
        yield Hypothesis("distortion", "its images are already undistorted", partial(replace, distortion=()))


def late_or_early(offset: float) -> str:
    """Describe the offset of a camera in words, for instance "is 2 frames late"."""
    about = "" if offset % 1 == 0 else "about "
    return (
        f"is {about}{abs(round(offset, 1)):g} {'frame' if abs(offset) == 1 else 'frames'} {'late' if offset > 0 else 'early'}"
    )


def timing_explanation(
    reference: ReferenceCameras, camera: int, current: CameraReading, noise: float, reach: int = MAX_OFFSET
) -> Explanation | None:
    """Return the explanation that a camera is early or late, or None if it is not."""
    fit = fit_offset(reference, camera, current, noise, reach)
    if not fit.clear:
        return None
    reading = replace(current, frame_offset=current.frame_offset + fit.offset)
    return Explanation("frame_offset", late_or_early(fit.offset), reading, fit.before, fit.after)
