"""Look for a mistake that all cameras share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from training.inspection.comparison import Comparison, Readings, coverage, mean_gap
from training.inspection.hypotheses import Hypothesis, hypotheses
from training.inspection.suspects import CLEAN, IMPROVEMENT

_TIE = 1.3  # hypotheses whose gaps differ by less than this factor count as equally good; the more common one is chosen
_MAX_CAMERAS = 12
_MAX_FRAMES = 2


@dataclass(frozen=True)
class Outcome:
    """The hypothesis that best explains why the cameras disagree."""

    hypothesis: Hypothesis
    """The mistake and its correction."""
    readings: Readings
    """How all cameras are read if it holds."""
    gap: float
    """Mean gap under it."""
    next_gap: float
    """Mean gap under the best other hypothesis."""


class GlobalSearch:
    """Tries readings of all cameras on some cameras and frames.

    Args:
        comparison: frames and silhouettes.
        readings: the readings to change.
    """

    def __init__(self, comparison: Comparison, readings: Readings) -> None:
        self._comparison = comparison
        self._readings = readings
        count = len(readings)
        self._cameras = sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MAX_CAMERAS))})
        middle = np.linspace(0, len(comparison.frames) - 1, min(_MAX_FRAMES, len(comparison.frames)))
        self._frames = [comparison.frames[round(i)] for i in middle]

    def gap(self, change: Callable[..., object] | None = None) -> float:
        """Return the mean gap under a change of all readings."""
        return self._measure(change, mean_gap)

    def coverage(self, change: Callable[..., object] | None = None) -> float:
        """Return the share of the masks that the hulls cover under a change of all readings."""
        return self._measure(change, coverage)

    def _measure(self, change: Callable[..., object] | None, measure: Callable[..., float]) -> float:
        readings = self._readings if change is None else tuple(change(reading) for reading in self._readings)
        return measure(self._comparison.evidence(readings, self._cameras, self._frames), self._cameras)  # type: ignore[arg-type]

    def best(self, limit: float = np.inf) -> Outcome | None:
        """Return the hypothesis that makes the cameras agree, or None if none does.

        Args:
            limit: mean gap that another explanation leaves. A hypothesis must leave less, and slow hypotheses are not tried.
        """
        before = self.gap()
        tried = [(self.gap(hypothesis.change), hypothesis) for hypothesis in hypotheses(self._comparison.footage)]
        lowest = min(gap for gap, _ in tried)
        if lowest > CLEAN:
            fitted = [self._fitted_distortion()] + ([] if np.isfinite(limit) else [self._fitted_crop()])
            tried += [(self.gap(h.change), h) for h in fitted]
            lowest = min(gap for gap, _ in tried)
        if lowest > min(before / IMPROVEMENT, _TIE * limit):
            return None
        gap, chosen = next((gap, h) for gap, h in tried if gap <= max(_TIE * lowest, lowest + 1e-4))
        others = [other for other, h in tried if h.cause != chosen.cause]
        return Outcome(chosen, tuple(chosen.change(r) for r in self._readings), gap, min(others, default=1.0))

    def _fitted_crop(self) -> Hypothesis:
        calibrations = self._comparison.footage.calibrations
        middle = np.median([(c.K[0, 2] - c.width / 2, c.K[1, 2] - c.height / 2) for c in calibrations], axis=0)
        width = calibrations[0].width

        def shifted(x: np.ndarray) -> Callable[..., object]:
            return lambda reading: replace(reading, crop=(float(x[0] * width), float(x[1] * width)))

        starts = [np.zeros(2), middle / width]
        results = [
            minimize(
                lambda x: self.gap(shifted(x)),
                start,
                method="Nelder-Mead",
                options={"maxfev": 50, "initial_simplex": _simplex(start)},
            )
            for start in starts
        ]
        best = min(results, key=lambda result: float(result.fun))
        crop = (round(float(best.x[0] * width)), round(float(best.x[1] * width)))
        cause = f"the images were cropped after calibration, by {crop[0]} columns at the left and {crop[1]} rows at the top"
        return Hypothesis("crop", cause, lambda reading: replace(reading, crop=crop))

    def _fitted_distortion(self) -> Hypothesis:
        values = [*np.arange(-0.5, 0.51, 0.05)]
        gaps = [self.gap(lambda r, k=k: replace(r, distortion=(float(k), 0.0, 0.0, 0.0))) for k in values]
        k1 = values[int(np.argmin(gaps))]
        fine = [*np.arange(k1 - 0.04, k1 + 0.041, 0.01)]
        gaps = [self.gap(lambda r, k=k: replace(r, distortion=(float(k), 0.0, 0.0, 0.0))) for k in fine]
        k1 = round(float(fine[int(np.argmin(gaps))]), 3)
        cause = f"the images have lens distortion that the calibration lacks, about k1 = {k1:g}"
        return Hypothesis("distortion", cause, lambda reading: replace(reading, distortion=(k1, 0.0, 0.0, 0.0)))


def _simplex(start: np.ndarray) -> np.ndarray:
    return start + np.array([[0, 0], [0.04, 0], [0, 0.04]])
