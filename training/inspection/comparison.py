"""Compare cameras in some frames of a capture, under a given reading of its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.captures.description import MaskRule
from training.inspection.camera_model import CameraModel
from training.inspection.consistency import Evidence, collect
from training.inspection.footage import Footage
from training.inspection.reading import CameraReading
from training.inspection.silhouette import Silhouette, make_silhouette

Readings = tuple[CameraReading, ...]

COVERED = 0.01
"""A subject pixel is covered if its gap is at most this share of the subject's radius."""

MAX_CACHED = 2000
"""Maximum number of cached silhouettes."""


@dataclass
class Comparison:
    """The frames in which cameras are compared. Each silhouette is prepared once."""

    footage: Footage
    """The capture."""
    frames: list[int]
    """Frames to compare cameras in."""
    rays: int
    """Subject pixels per camera and frame."""
    _cache: dict[tuple[int, int, MaskRule], Silhouette | None] = field(default_factory=dict)

    def models(self, readings: Readings) -> list[CameraModel]:
        """Return all cameras under their readings."""
        return [self.model(index, reading) for index, reading in enumerate(readings)]

    def model(self, camera: int, reading: CameraReading) -> CameraModel:
        """Return one camera under a reading of it."""
        return reading.model(self.footage.calibrations, self.footage.calibrations[camera])

    def silhouette(self, frame: int, camera: int, reading: CameraReading) -> Silhouette | None:
        """Return the silhouette of a camera at the time of a frame; None if there is none."""
        number = round(frame + reading.frame_offset)
        if not 0 <= number < self.footage.num_frames:
            return None
        key = (number, camera, reading.mask)
        if key not in self._cache:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            mask = self.footage.mask(number, camera, reading.mask)
            size = self.footage.calibrations[camera]
            self._cache[key] = None if mask is None else make_silhouette(mask, self.rays, size.width, size.height)
        return self._cache[key]

    def scene(self, frame: int, readings: Readings, cameras: Sequence[int]) -> FrameScene | None:
        """Return the cameras of a list that have a silhouette in a frame; None when fewer than two have one."""
        found = [(i, s) for i in cameras if (s := self.silhouette(frame, i, readings[i])) is not None]
        if len(found) < 2:
            return None
        present = np.array([i for i, _ in found])
        return FrameScene(frame, present, [self.model(i, readings[i]) for i in present], [s for _, s in found])

    def evidence(self, readings: Readings, cameras: Sequence[int], frames: Sequence[int] | None = None) -> list[FrameEvidence]:
        """Return the evidence of each frame in which two or more of the cameras have a silhouette."""
        scenes = (self.scene(frame, readings, cameras) for frame in (self.frames if frames is None else frames))
        return [FrameEvidence(scene, collect(scene.models, scene.silhouettes)) for scene in scenes if scene is not None]


@dataclass(frozen=True, eq=False)
class FrameScene:
    """The cameras that have a silhouette in one frame."""

    frame: int
    """The frame."""
    present: NDArray[np.intp]
    """Their indices in the capture, (n,)."""
    models: list[CameraModel]
    """The cameras."""
    silhouettes: list[Silhouette]
    """Their silhouettes."""


@dataclass(frozen=True, eq=False)
class FrameEvidence:
    """The evidence of one frame, and the cameras it is from."""

    scene: FrameScene
    """Cameras and silhouettes."""
    evidence: Evidence
    """Their evidence. Its indices are positions in `scene.present`."""

    def gaps(self, trusted: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return which trusted cameras are in the frame, (m,), and the gaps of their subject pixels, (m, P)."""
        kept = np.flatnonzero(np.isin(self.scene.present, list(trusted)))
        return self.scene.present[kept], self.evidence.gaps(kept)


def mean_gap(found: list[FrameEvidence], trusted: Sequence[int]) -> float:
    """Return the mean gap over frames and trusted cameras, as a share of the subject's radius; 1 without evidence."""
    gaps = [frame.gaps(trusted)[1] for frame in found]
    return float(np.mean([gap.mean() for gap in gaps if gap.size])) if any(gap.size for gap in gaps) else 1.0


def coverage(found: list[FrameEvidence], trusted: Sequence[int]) -> float:
    """Return the share of the trusted cameras' subject pixels that the hull of the other trusted cameras covers."""
    gaps = [frame.gaps(trusted)[1] for frame in found]
    return float(np.mean([(gap <= COVERED).mean() for gap in gaps if gap.size])) if any(gap.size for gap in gaps) else 0.0
