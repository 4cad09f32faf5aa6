"""Flicker where one segment of a long video changes to the next one, and elsewhere (docs/long_videos.md)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from model.segments import Segment, SegmentPart, parts_at
from training.evaluation.views import ScoredView


def seam_flicker(views: Sequence[ScoredView], segments: Sequence[Segment]) -> dict[str, float | None]:
    """Return the mean flicker of the images at seams and elsewhere.

    A frame is at a seam if its picture or that of the frame before it is blended, or if they come from different segments.

    Args:
        views: scored images of consecutive frames. The flicker of one compares it with the frame before it.
        segments: of the video.

    Returns:
        `at_seams`, `elsewhere`, and `excess`: the first over the second, minus 1. None where nothing was measured.
    """
    measured = [(view.frame, view.flicker) for view in views if view.flicker is not None]
    at_seams = [flicker for frame, flicker in measured if is_at_seam(segments, frame)]
    elsewhere = [flicker for frame, flicker in measured if not is_at_seam(segments, frame)]
    means = [round(statistics.fmean(values), 6) if values else None for values in (at_seams, elsewhere)]
    excess = round(means[0] / means[1] - 1, 4) if means[0] is not None and means[1] else None
    return {"at_seams": means[0], "elsewhere": means[1], "excess": excess}


def is_at_seam(segments: Sequence[Segment], frame: int) -> bool:
    """Return whether a seam is between the frame before this one and this one, or either of them is blended."""
    parts: list[SegmentPart] = [*parts_at(segments, max(0.0, frame - 1.0)), *parts_at(segments, float(frame))]
    return len({part.index for part in parts}) > 1
