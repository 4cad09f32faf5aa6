"""Compare other readings of one camera with cameras that agree with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.inspection.camera_model import CameraModel, Rays
from training.inspection.comparison import Comparison, FrameScene, Readings
from training.inspection.consistency import collect, largest_distance, outside_mask, smallest_gap, subject_sphere
from training.inspection.reading import CameraReading
from training.inspection.suspects import without_worst


@dataclass(frozen=True, eq=False)
class _ReferenceFrame:
    """The evidence of the reference cameras in one frame."""

    scene: FrameScene
    """Cameras and silhouettes."""
    sphere: tuple[NDArray[np.float64], float]
    """Center and radius of a sphere that contains the subject."""
    rays: Rays
    """Z points on each ray of their subject pixels, (m, P)."""
    worst: NDArray[np.float32]
    """(Z, m, P), how far each point is outside the mask that it misses most."""
    gaps: NDArray[np.float32]
    """(m, P), the gap of each subject pixel."""


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
            worst = largest_distance(found.evidence.outside, min(2, len(trusted) - 1))
            self._references[found.scene.frame] = _ReferenceFrame(
                found.scene,
                subject_sphere(found.scene.models, found.scene.silhouettes),
                found.evidence.rays,
                worst,
                worst.min(axis=0),
            )

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
            found = collect(models, silhouettes, [len(models) - 1], reference.sphere)
            own = smallest_gap(found.outside, min(2, self.count))[0]
            both = np.maximum(reference.worst, outside_mask(model, silhouette, reference.rays))
            parts.append((own, both.min(axis=0) - reference.gaps))
        return parts
