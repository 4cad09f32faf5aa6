"""Check that the masks mark the subject, and not the background or everything."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.captures.description import MaskRule
from training.inspection.comparison import Comparison, Readings, mean_gap

MAX_AREA = 0.9
"""Maximum share of an image that a subject may cover."""

MAX_BORDER = 0.5
"""Maximum share of the image border that a subject may touch."""

_ALTERNATIVES = (
    ("the masks are inverted: they mark the background", {"inverted": True}),
    ("the masks are in the alpha channel", {"channel": "alpha"}),
    ("the masks are in the alpha channel, and inverted", {"channel": "alpha", "inverted": True}),
    ("the masks are in the colors of a palette, not in its labels", {"channel": "palette"}),
    ("the masks have small values: the subject is everything above 0", {"threshold": 0}),
    ("the masks have noise: the subject is everything above 127", {"threshold": 127}),
    ("the masks are inverted and have noise", {"threshold": 127, "inverted": True}),
)


@dataclass(frozen=True)
class MaskStatistics:
    """Size of the masks: medians over cameras and frames."""

    area: float
    """Share of the image that the subject covers; 0 without masks."""
    border: float
    """Share of the image border that the subject covers."""

    @property
    def plausible(self) -> bool:
        """Whether this can be a subject in front of a background."""
        return 0 < self.area < MAX_AREA and self.border < MAX_BORDER


def mask_statistics(comparison: Comparison, readings: Readings) -> MaskStatistics:
    """Measure the masks under a reading."""
    found = [
        comparison.silhouette(frame, camera, reading)
        for frame in comparison.frames[:2]
        for camera, reading in enumerate(readings)
    ]
    areas = [0.0 if silhouette is None else silhouette.area for silhouette in found]
    borders = [silhouette.border_share for silhouette in found if silhouette is not None]
    return MaskStatistics(float(np.median(areas)), float(np.median(borders)) if borders else 0.0)


def better_masks(comparison: Comparison, readings: Readings) -> tuple[str, Readings] | None:
    """Return a cause and a reading under which implausible masks become plausible; None if there is none.

    Among several, the one whose masks agree best is chosen.
    """
    choices: list[tuple[float, int, str, Readings]] = []
    for cause, changes in _ALTERNATIVES:
        changed = tuple(replace(r, mask=replace(r.mask, **changes)) for r in readings)  # type: ignore[arg-type]
        if changed == readings or not mask_statistics(comparison, changed).plausible:
            continue
        gap = mean_gap(comparison.evidence(changed, range(len(readings)), comparison.frames[:1]), range(len(readings)))
        choices.append((round(gap, 4), len(choices), cause, changed))
    return min(choices)[2:] if choices else None


def single_mask_rules(current: MaskRule) -> list[tuple[str, MaskRule]]:
    """Return the other ways to read the masks of one camera, each with its cause."""
    changes = [(cause.replace("the masks", "its masks"), replace(current, **c)) for cause, c in _ALTERNATIVES]  # type: ignore[arg-type]
    return [(cause, reading) for cause, reading in changes if reading != current]
