"""Identifies the capture that a run was trained on, so that the run is not resumed with another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from training.captures.capture import Capture


@dataclass(frozen=True)
class CaptureIdentity:
    """Distinguishes captures, independent of their folders."""

    name: str
    """The capture's title, for messages only: a capture whose folder was renamed is still the same."""
    frames: int
    """Number of frames of the whole capture."""
    cameras: int
    """Number of cameras."""
    digest: str
    """SHA-256, 64 digits, of the cameras' parameters, the list of training cameras and the first image's file."""

    @staticmethod
    def of_capture(capture: Capture) -> CaptureIdentity:
        """Identify an opened capture; raise InputError when its first image cannot be read."""
        parameters = [[camera.to_dict() for camera in capture.cameras], capture.train_cameras]
        digest = hashlib.sha256(json.dumps(parameters).encode())
        digest.update(capture.image_source(0, 0).fingerprint())
        return CaptureIdentity(capture.name, capture.num_frames, len(capture.cameras), digest.hexdigest())

    @staticmethod
    def from_dict(values: dict[str, object]) -> CaptureIdentity:
        """Read what `to_dict` returned; raise KeyError, TypeError or ValueError when it is damaged."""
        frames, cameras = (int(str(values[name])) for name in ("frames", "cameras"))
        return CaptureIdentity(str(values["name"]), frames, cameras, str(values["digest"]))

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return asdict(self)

    def matches(self, other: CaptureIdentity) -> bool:
        """Return whether both are the same capture, whatever their titles."""
        return (self.frames, self.cameras, self.digest) == (other.frames, other.cameras, other.digest)

    def __str__(self) -> str:
        return f"{self.name}, {self.frames} frames, {self.cameras} cameras"
