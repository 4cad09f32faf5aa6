"""States of the camera path between which its edits lead. They share the undo history of the camera moves."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.camera_path.path import CameraPath, Keyframe


@dataclass(frozen=True)
class PathState:
    """A snapshot of a camera path and its playhead."""

    keyframes: tuple[Keyframe, ...]
    """The keyframes in the order of their times."""
    tension: float
    """Tension of the curve."""
    selected: int | None
    """Index of the selected keyframe."""
    time: float
    """Position of the playhead on the path, seconds."""

    def same_path(self, other: PathState) -> bool:
        """Return whether both are the same path, ignoring the selection."""
        return (self.keyframes, self.tension) == (other.keyframes, other.tension)

    def path(self) -> CameraPath:
        """Return the path, which may be edited further."""
        return CameraPath(list(self.keyframes), self.tension)
