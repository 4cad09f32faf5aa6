"""Which capture a run was trained on, so that it is resumed with no other."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from common.errors import InputError
from training.captures.capture import Capture


@dataclass(frozen=True)
class CaptureIdentity:
    """What tells captures apart, wherever their folders lie."""

    name: str
    """The capture's title, for people; a folder that was renamed is still the same capture."""
    frames: int
    """Frames of the whole capture."""
    cameras: int
    """Its cameras."""
    digest: str
    """SHA-256, 64 digits, of the cameras' parameters, of which of them are trained on, and of the first image's file."""

    @staticmethod
    def of(capture: Capture) -> CaptureIdentity:
        """The identity of an opened capture; InputError when its first image cannot be read."""
        parameters = [[camera.to_dict() for camera in capture.cameras], capture.train_cameras]
        digest = hashlib.sha256(json.dumps(parameters).encode())
        image = capture.image_path(0, 0)
        try:
            digest.update(image.read_bytes())
        except OSError as error:
            raise InputError(image, f"cannot be read ({error.strerror})") from error
        return CaptureIdentity(capture.name, capture.num_frames, len(capture.cameras), digest.hexdigest())

    @staticmethod
    def from_dict(values: dict[str, object]) -> CaptureIdentity:
        """Read what `to_dict` gave; KeyError, TypeError or ValueError when it is damaged."""
        frames, cameras = (int(str(values[name])) for name in ("frames", "cameras"))
        return CaptureIdentity(str(values["name"]), frames, cameras, str(values["digest"]))

    def to_dict(self) -> dict[str, object]:
        """Plain data that JSON can hold."""
        return asdict(self)

    def matches(self, other: CaptureIdentity) -> bool:
        """Whether both are the same capture, whatever it is called."""
        return (self.frames, self.cameras, self.digest) == (other.frames, other.cameras, other.digest)

    def __str__(self) -> str:
        return f"{self.name}, {self.frames} frames, {self.cameras} cameras"
