"""Edits of the camera path that can be undone, among the moves of the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viewer.camera_path.path import CameraPath, Keyframe


@dataclass(frozen=True)
class PathState:
    """A camera path as it was, and where its playhead stood."""

    keyframes: tuple[Keyframe, ...]
    """By rising time."""
    tension: float
    """How straight the curve ran."""
    selected: int | None
    """Index of the keyframe that was worked on."""
    time: float
    """Seconds on the path where its playhead was."""

    def same_path(self, other: PathState) -> bool:
        """Whether both are the same path, whatever is selected."""
        return (self.keyframes, self.tension) == (other.keyframes, other.tension)

    def path(self) -> CameraPath:
        """The path itself, which may be edited further."""
        return CameraPath(list(self.keyframes), self.tension)


class PathEdit:
    """One entry of the camera's history that exchanges the path of before with the present one.

    Args:
        before: the path before the edit.
        get: tells the present path.
        put: shows another one.
    """

    def __init__(self, before: PathState, get: Callable[[], PathState], put: Callable[[PathState], None]) -> None:
        self._other, self._get, self._put = before, get, put

    def exchange(self) -> None:
        """Bring back the path that is not shown: the one of before, or the later one again."""
        present = self._get()
        self._put(self._other)
        self._other = present
