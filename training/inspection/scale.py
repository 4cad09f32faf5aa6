"""Measure the subject's size and the up direction, and compare vertices with the masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.inspection.comparison import COVERED, FrameEvidence
from training.inspection.consistency import largest_distance, outside_mask

Floats = NDArray[np.float64]

SIZES = (0.25, 6.0)
"""Usual sizes of a subject, meters."""

DISTANCES = (0.3, 50.0)
"""Usual distances of cameras from the subject, meters."""

UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
"""Units per meter."""

_INSIDE = 0.8  # if this share of the vertices is inside the masks, they fit
_USUAL = 1.8  # meters, the size of a person
_SAME_SIZE = 10**0.5  # masks and vertices whose sizes differ by a larger factor do not show the same subject in the same unit


@dataclass(frozen=True)
class SubjectSize:
    """Where the subject is, measured from the points where rays of its outline meet."""

    low: Floats
    """Lowest corner of its box, (3,), meters."""
    high: Floats
    """Highest corner of its box, (3,), meters."""
    distance: float
    """Median distance of the cameras from its center, meters."""

    @property
    def extent(self) -> float:
        """Length of its longest side, meters."""
        return float((self.high - self.low).max())

    def scaled(self, factor: float) -> SubjectSize:
        """Return the size in a world that is larger by a factor."""
        return SubjectSize(self.low * factor, self.high * factor, self.distance * factor)


def subject_size(found: list[FrameEvidence]) -> SubjectSize | None:
    """Measure the subject in the first frame in which enough rays meet; None if there is no such frame."""
    for frame in found:
        outside, rays = frame.evidence.outside, frame.evidence.rays
        worst = largest_distance(outside, min(2, len(outside) - 1))
        best = worst.argmin(axis=0)[None]
        covered = np.take_along_axis(worst, best, axis=0)[0] <= COVERED
        points = replace(rays, depths=np.take_along_axis(rays.depths, best, axis=0)).points[:, 0, covered].T
        if len(points) < 20:
            continue
        low, high = np.quantile(points, [0.01, 0.99], axis=0).astype(np.float64)
        centers = np.stack([model.center for model in frame.scene.models])
        distance = float(np.median(np.linalg.norm(centers - (low + high) / 2, axis=1)))
        return SubjectSize(low, high, distance)
    return None


def likely_unit(size: SubjectSize, meters_per_unit: float) -> str | None:
    """Return the unit in which the subject would have a usual size; None if it already has one, or if no unit helps."""
    if SIZES[0] <= size.extent <= SIZES[1]:
        return None
    choices = {unit: size.extent / meters_per_unit / per_meter for unit, per_meter in UNITS.items()}
    best = min(choices, key=lambda unit: abs(np.log(choices[unit] / _USUAL)))
    return best if SIZES[0] <= choices[best] <= SIZES[1] else None


def fitting_unit(frame: FrameEvidence, size: SubjectSize, vertices: NDArray[np.float32], meters_per_unit: float) -> str | None:
    """Return the unit of the cameras' translations with which the vertices (V, 3) are inside the masks and about as large as
    the subject; None if they already are, or if no unit helps.

    The masks alone are not enough: from a great distance, all vertices are seen at one point, which may be inside them.
    """
    low, high = np.quantile(vertices, [0.01, 0.99], axis=0)
    relative = size.extent / max(float((high - low).max()), 1e-12)

    def share(factor: float) -> float:
        same = 1 / _SAME_SIZE < relative * factor < _SAME_SIZE
        return vertices_inside(frame, vertices / np.float32(factor)) if same else 0.0

    if share(1.0) >= _INSIDE:
        return None
    shares = {unit: share(1 / number / meters_per_unit) for unit, number in UNITS.items()}
    best = max(shares, key=lambda unit: shares[unit])
    return best if shares[best] >= _INSIDE else None


def vertices_inside(frame: FrameEvidence, vertices: NDArray[np.float32]) -> float:
    """Return the share of vertices that are inside the masks, a mean over the cameras that see them; 0 if none does."""
    chosen = vertices[:: max(1, len(vertices) // 500)].astype(np.float32)
    shares = []
    for model, silhouette in zip(frame.scene.models, frame.scene.silhouettes, strict=True):
        outside = outside_mask(model, silhouette, chosen.T)
        if (outside >= 0).any():
            shares.append(float((outside[outside >= 0] <= 2 * COVERED).mean()))
    return float(np.mean(shares)) if shares else 0.0


def camera_up(rotations: Floats) -> tuple[Floats, float]:
    """Return the mean of the cameras' up directions, (3,), and how much the cameras agree on it, 0 to 1."""
    mean = -rotations[:, 1].mean(axis=0)
    length = float(np.linalg.norm(mean))
    return mean / max(length, 1e-12), length


def nearest_axis(direction: Floats) -> str:
    """Return the axis of the world nearest to a direction (3,), as meta.yaml writes it."""
    axis = int(np.abs(direction).argmax())
    return ("" if direction[axis] > 0 else "-") + "xyz"[axis]
