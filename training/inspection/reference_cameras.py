"""Compare other readings of one camera with cameras that agree with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.inspection.camera_model import CameraModel
from training.inspection.comparison import Comparison, FrameScene, Readings
from training.inspection.consistency import MAX_GAP, UNSEEN, collect, outside_mask, smallest_gap
from training.inspection.reading import CameraReading
from training.inspection.suspects import without_worst


@dataclass(frozen=True, eq=False)
class _ReferenceFrame:
    """The evidence of the reference cameras in one frame."""

    scene: FrameScene
    """Cameras and silhouettes."""
    points: NDArray[np.float32]
    """(3, m, P, Z), points on the rays of their subject pixels."""
    worst: NDArray[np.float32]
    """(m, P, Z), how far each point is outside the mask that it misses most."""


class ReferenceCameras:
    """Cameras that agree with each other, to compare another camera with.

    Args:
        comparison: frames and silhouettes.
        readings: readings of all cameras.
        trusted: indices of the cameras that agree.
        frames: frames to compare in.
    """

    def __init__(self, comparison: Comparison, readings: Readings, trusted: Sequence[int], frames: Sequence[int]) -> None:
        self.comparison = comparison
        self.count = len(trusted)
        self._references = {}
        for found in comparison.evidence(readings, trusted, frames):
            outside = found.evidence.outside
            enough = (outside >= 0).sum(axis=-1) >= min(2, len(trusted) - 1)
            worst = np.where(enough, outside.max(axis=-1), np.float32(MAX_GAP))
            self._references[found.scene.frame] = _ReferenceFrame(found.scene, found.evidence.points, worst)

    @property
    def scenes(self) -> list[FrameScene]:
        """The reference cameras in each compared frame."""
        return [reference.scene for reference in self._references.values()]

    def disagreement(self, camera: int, reading: CameraReading) -> float:
        """Return the disagreement of a camera under a reading, as `disagreements` does; infinite if it has no silhouette."""
        parts = self.residuals(camera, reading, self.comparison.model(camera, reading))
        return without_worst([float(own.mean() + added.mean() * self.count) for own, added in parts])

    def residuals(
        self, camera: int, reading: CameraReading, model: CameraModel
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return, per frame, the gaps of a camera's own subject pixels, (P,), and what its mask adds to those of the reference
        cameras, (m, P)."""
        parts = []
        for frame, reference in self._references.items():
            silhouette = self.comparison.silhouette(frame, camera, reading)
            if silhouette is None:
                continue
            models, silhouettes = [*reference.scene.models, model], [*reference.scene.silhouettes, silhouette]
            own = smallest_gap(collect(models, silhouettes, [len(models) - 1]).outside, min(2, self.count))[0]
            outside = outside_mask(model, silhouette, reference.points)
            both = np.maximum(reference.worst, np.where(outside == UNSEEN, 0, outside))
            parts.append((own, both.min(axis=-1) - reference.worst.min(axis=-1)))
        return parts
