"""Try other readings of one camera against cameras that agree with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.inspection.camera_model import CameraModel
from training.inspection.consistency import MAX_GAP, UNSEEN, collect, outside_mask, smallest_gap
from training.inspection.panel import FrameScene, Panel, Readings
from training.inspection.reading import CameraReading
from training.inspection.suspects import without_worst


@dataclass(frozen=True, eq=False)
class _Reference:
    """What the trusted cameras say in one frame."""

    scene: FrameScene
    """Cameras and silhouettes."""
    points: NDArray[np.float32]
    """(3, m, P, Z), points on the rays of their subject pixels."""
    worst: NDArray[np.float32]
    """(m, P, Z), how far the points are outside the mask that they miss most."""


class Jury:
    """Trusted cameras that judge other cameras.

    Args:
        panel: the silhouettes.
        readings: readings of all cameras.
        trusted: indices of the cameras that agree.
        frames: frames to compare in.
    """

    def __init__(self, panel: Panel, readings: Readings, trusted: Sequence[int], frames: Sequence[int]) -> None:
        self.panel = panel
        self.count = len(trusted)
        self._references = {}
        for found in panel.evidence(readings, trusted, frames):
            outside = found.evidence.outside
            enough = (outside >= 0).sum(axis=-1) >= min(2, len(trusted) - 1)
            worst = np.where(enough, outside.max(axis=-1), np.float32(MAX_GAP))
            self._references[found.scene.frame] = _Reference(found.scene, found.evidence.points, worst)

    @property
    def scenes(self) -> list[FrameScene]:
        """The trusted cameras in each frame that is compared."""
        return [reference.scene for reference in self._references.values()]

    def disagreement(self, camera: int, reading: CameraReading) -> float:
        """Return how much a camera under a reading disagrees, as `blame` does; infinite if it has no silhouette."""
        parts = self.residuals(camera, reading, self.panel.model(camera, reading))
        return without_worst([float(own.mean() + added.mean() * self.count) for own, added in parts])

    def residuals(
        self, camera: int, reading: CameraReading, model: CameraModel
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return for each frame the gaps of a camera's own subject pixels, (P,), and what its mask adds to those of the trusted
        cameras, (m, P)."""
        parts = []
        for frame, reference in self._references.items():
            silhouette = self.panel.silhouette(frame, camera, reading)
            if silhouette is None:
                continue
            models, silhouettes = [*reference.scene.models, model], [*reference.scene.silhouettes, silhouette]
            own = smallest_gap(collect(models, silhouettes, [len(models) - 1]).outside, min(2, self.count))[0]
            outside = outside_mask(model, silhouette, reference.points)
            both = np.maximum(reference.worst, np.where(outside == UNSEEN, 0, outside))
            parts.append((own, both.min(axis=-1) - reference.worst.min(axis=-1)))
        return parts
