"""Look for a mistake that all cameras share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.inspection.comparison import Comparison, FrameScene, Readings
from training.inspection.consistency import collect, smallest_gap
from training.inspection.hypotheses import Hypothesis, hypotheses, is_cropping
from training.inspection.suspects import CLEAN, IMPROVEMENT

_TIE = 1.3  # hypotheses whose gaps differ by less than this factor count as equally good; the more common one is chosen
_RIVAL = 4.0  # gaps above this multiple of the lowest gap do not matter: the explanation is certain
_PRECISION = 1e-4  # smaller gaps count as equally good
_MAX_CAMERAS = 12
_MAX_FRAMES = 2
_SOME = 3  # the rays of about this many cameras give a lower bound of the gap, and are enough to fit a number


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
    """Mean gap under the best other hypothesis, or a lower bound of it that is far above the gap."""


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

    def gap(self, change: Callable[..., object] | None = None, enough: float = np.inf) -> float:
        """Return the mean gap under a change of all readings. Above `enough`, it may be a lower bound instead."""
        scenes = self._scenes(change)
        total = 0.0
        for scene in scenes:
            count, some = len(scene.present), _some(scene)
            if np.isfinite(enough) and len(some) < count:
                bound = (total + float(_gaps(scene, some).mean(axis=1).sum()) / count) / len(scenes)
                if bound > enough:
                    return bound
            total += float(_gaps(scene, list(range(count))).mean())
        return total / len(scenes) if scenes else 1.0

    def _estimated_gap(self, change: Callable[..., object]) -> float:
        """Return the mean gap of some cameras under a change of all readings."""
        scenes = self._scenes(change)
        return float(np.mean([_gaps(scene, _some(scene)).mean() for scene in scenes])) if scenes else 1.0

    def _scenes(self, change: Callable[..., object] | None) -> list[FrameScene]:
        readings = self._readings if change is None else tuple(change(reading) for reading in self._readings)
        found = (self._comparison.scene(frame, readings, self._cameras) for frame in self._frames)  # type: ignore[arg-type]
        return [scene for scene in found if scene is not None]

    def best(self, limit: float = np.inf) -> Outcome | None:
        """Return the hypothesis that makes the cameras agree, or None if none does.

        Args:
            limit: mean gap that another explanation leaves. A hypothesis must leave less, and slow hypotheses are not tried.
        """
        before = self.gap()
        most = min(before / IMPROVEMENT, _TIE * limit)
        tried: list[tuple[float, Hypothesis]] = []
        lowest = np.inf
        for hypothesis in hypotheses(self._comparison.footage):
            enough = max(_RIVAL * max(min(lowest, most), _PRECISION), CLEAN)
            tried.append((self.gap(hypothesis.change, enough), hypothesis))
            lowest = min(lowest, tried[-1][0])
        if lowest > CLEAN:
            fitted = [self._fitted_distortion()] + ([] if np.isfinite(limit) else self._fitted_crop())
            tried += [(self.gap(h.change), h) for h in fitted]
            lowest = min(gap for gap, _ in tried)
        if lowest > most:
            return None
        gap, chosen = next((gap, h) for gap, h in tried if gap <= max(_TIE * lowest, lowest + _PRECISION))
        others = [other for other, h in tried if h.cause != chosen.cause]
        return Outcome(chosen, tuple(chosen.change(r) for r in self._readings), gap, min(others, default=1.0))

    def _fitted_crop(self) -> list[Hypothesis]:
        """Return the best crop, or nothing if the images would have been widened instead."""
        from scipy.optimize import minimize  # noqa: PLC0415 - slow to load, and few captures need it

        calibrations = self._comparison.footage.calibrations
        middle = np.median([(c.K[0, 2] - c.width / 2, c.K[1, 2] - c.height / 2) for c in calibrations], axis=0)
        width = calibrations[0].width

        def shifted(x: np.ndarray) -> Callable[..., object]:
            return lambda reading: replace(reading, crop=(float(x[0] * width), float(x[1] * width)))

        starts = [np.zeros(2), middle / width]
        results = [
            minimize(
                lambda x: self._estimated_gap(shifted(x)),
                start,
                method="Nelder-Mead",
                options={"maxfev": 50, "initial_simplex": _simplex(start)},
            )
            for start in starts
        ]
        best = min(results, key=lambda result: float(result.fun))
        if not is_cropping(best.x * width, width):
            return []
        crop = (round(float(best.x[0] * width)), round(float(best.x[1] * width)))
        cause = f"the images were cropped after calibration, by {crop[0]} columns at the left and {crop[1]} rows at the top"
        return [Hypothesis("crop", cause, lambda reading: replace(reading, crop=crop))]

    def _fitted_distortion(self) -> Hypothesis:
        def gap(k1: float) -> float:
            return self._estimated_gap(lambda reading: replace(reading, distortion=(float(k1), 0.0, 0.0, 0.0)))

        coarse = min(np.arange(-0.5, 0.51, 0.05), key=gap)
        k1 = round(float(min(np.arange(coarse - 0.04, coarse + 0.041, 0.01), key=gap)), 3)
        cause = f"the images have lens distortion that the calibration lacks, about k1 = {k1:g}"
        return Hypothesis("distortion", cause, lambda reading: replace(reading, distortion=(k1, 0.0, 0.0, 0.0)))


def _simplex(start: np.ndarray) -> np.ndarray:
    return start + np.array([[0, 0], [0.04, 0], [0, 0.04]])


def _some(scene: FrameScene) -> list[int]:
    count = len(scene.present)
    return list(range(0, count, max(1, count // _SOME)))


def _gaps(scene: FrameScene, rows: list[int]) -> NDArray[np.float32]:
    """Return the gaps of the subject pixels of some cameras of a frame, (m, P)."""
    return smallest_gap(collect(scene.models, scene.silhouettes, rows).outside, min(2, len(scene.present) - 1))
