"""Identify the capture that a run was trained on, so that the run is not resumed with another."""

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
    shape: str = ""
    """SHA-256 of the masks and vertices that hulls and boxes are made from; empty in runs of older versions."""

    @staticmethod
    def of_capture(capture: Capture, frames: range) -> CaptureIdentity:
        """Identify an opened capture and the masks and vertices of some frames; raise InputError when files cannot be read."""
        parameters = [[camera.to_dict() for camera in capture.cameras], capture.train_cameras]
        digest = hashlib.sha256(json.dumps(parameters).encode())
        digest.update(capture.image_source(0, 0).fingerprint())
        shape = _shape_digest(capture, frames)
        return CaptureIdentity(capture.name, capture.num_frames, len(capture.cameras), digest.hexdigest(), shape)

    @staticmethod
    def from_dict(values: dict[str, object]) -> CaptureIdentity:
        """Read what `to_dict` returned; raise KeyError, TypeError or ValueError when it is damaged."""
        frames, cameras = (int(str(values[name])) for name in ("frames", "cameras"))
        return CaptureIdentity(str(values["name"]), frames, cameras, str(values["digest"]), str(values.get("shape", "")))

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return asdict(self)

    def matches(self, other: CaptureIdentity) -> bool:
        """Return whether both are the same capture, whatever their titles."""
        return (self.frames, self.cameras, self.digest) == (other.frames, other.cameras, other.digest)

    def same_shape(self, other: CaptureIdentity) -> bool:
        """Return whether both have the same masks and vertices, or one of them does not know."""
        return self.shape == other.shape or not (self.shape and other.shape)

    def __str__(self) -> str:
        return f"{self.name}, {self.frames} frames, {self.cameras} cameras"


def _shape_digest(capture: Capture, frames: range) -> str:
    digest = hashlib.sha256(json.dumps([asdict(rule) for rule in capture.mask_rules]).encode())
    for frame in frames:
        vertices = capture.vertices(frame)
        digest.update(b"" if vertices is None else vertices.tobytes())
        for camera in capture.train_cameras:
            mask = capture.mask_source(frame, camera)
            digest.update(b"" if mask is None else mask.fingerprint())
    return digest.hexdigest()
