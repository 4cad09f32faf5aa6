"""Camera paths: keyframes of camera and scene time, interpolated by splines, and the file PATH.json."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.atomic import write_text
from common.documents import is_number, read_json
from common.errors import InputError
from model.camera import Camera
from viewer.camera_path.spline import blend_cameras, cardinal, monotone_value

SAME_TIME = 1e-6
"""Keyframes closer in time than this, in seconds, count as one."""


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A camera at a time of the path, and the scene's frame that it shows."""

    time: float
    """Seconds from the start of the path, not negative."""
    frame: float
    """Frame index of the scene, may be fractional."""
    camera: Camera
    """The view."""

    def to_dict(self) -> dict[str, Any]:
        """Return the keyframe's object in PATH.json."""
        return {"time": self.time, "frame": self.frame, "camera": self.camera.to_dict()}


class CameraPath:
    """Keyframes in the order of their times, which are all different.

    Args:
        keyframes: in any order; if two have the same time, the later one in the list is kept.
        tension: 0 gives the smoothest curve (Catmull-Rom), 1 gives straight lines that stop at each keyframe.
    """

    def __init__(self, keyframes: list[Keyframe] | None = None, tension: float = 0.0) -> None:
        self.tension = tension
        """Tension of the curve, 0 (smooth) to 1 (straight lines)."""
        self._keyframes: list[Keyframe] = []
        for _, keyframe in sorted(enumerate(keyframes or []), key=lambda entry: (entry[1].time, entry[0])):
            _check_place(keyframe.time, keyframe.frame)
            if self._keyframes and keyframe.time - self._keyframes[-1].time < SAME_TIME:
                self._keyframes.pop()
            self._keyframes.append(keyframe)

    @property
    def keyframes(self) -> tuple[Keyframe, ...]:
        """The keyframes in the order of their times."""
        return tuple(self._keyframes)

    def __len__(self) -> int:
        return len(self._keyframes)

    @property
    def start(self) -> float:
        """Time of the first keyframe, seconds; 0 for an empty path."""
        return self._keyframes[0].time if self._keyframes else 0.0

    @property
    def end(self) -> float:
        """Time of the last keyframe, seconds; 0 for an empty path."""
        return self._keyframes[-1].time if self._keyframes else 0.0

    @property
    def duration(self) -> float:
        """Seconds from the first to the last keyframe."""
        return self.end - self.start

    # Editing

    def add(self, keyframe: Keyframe) -> int:
        """Add a keyframe and return its index. A keyframe at the same time is replaced."""
        _check_place(keyframe.time, keyframe.frame)
        same = self.index_at(keyframe.time)
        if same is not None:
            self._keyframes[same] = keyframe
            return same
        self._keyframes.append(keyframe)
        self._keyframes.sort(key=lambda k: k.time)
        return self._keyframes.index(keyframe)

    def append(self, frame: float, camera: Camera, seconds: float = 1.0) -> int:
        """Add a view `seconds` after the last keyframe (the first one at 0) and return its index."""
        return self.add(Keyframe(self.end + seconds if self._keyframes else 0.0, frame, camera))

    def replace_view(self, index: int, frame: float, camera: Camera) -> None:
        """Replace the view and scene time of a keyframe. Its time on the path stays."""
        _check_place(self._keyframes[index].time, frame)
        self._keyframes[index] = replace(self._keyframes[index], frame=frame, camera=camera)

    def remove(self, index: int) -> None:
        """Remove a keyframe."""
        del self._keyframes[index]

    def move(self, index: int, time: float) -> int:
        """Move a keyframe to another time and return its new index. It may pass other keyframes but not replace one."""
        keyframe = self._keyframes[index]
        time = max(0.0, time) if math.isfinite(time) else time
        _check_place(time, keyframe.frame)
        if any(abs(other.time - time) < SAME_TIME for other in self._keyframes if other is not keyframe):
            return index
        self._keyframes[index] = moved = replace(keyframe, time=time)
        self._keyframes.sort(key=lambda k: k.time)
        return self._keyframes.index(moved)

    def reorder(self, index: int, new_index: int) -> None:
        """Move a view to another position in the order. The times stay, and the views in between shift by one."""
        times = [keyframe.time for keyframe in self._keyframes]
        self._keyframes.insert(new_index, self._keyframes.pop(index))
        self._keyframes = [replace(keyframe, time=time) for keyframe, time in zip(self._keyframes, times, strict=True)]

    def index_at(self, time: float) -> int | None:
        """Return the index of the keyframe at this time, if there is one."""
        index = bisect_right(self._keyframes, time - SAME_TIME, key=lambda keyframe: keyframe.time)
        return index if index < len(self) and self._keyframes[index].time < time + SAME_TIME else None

    # Evaluation

    def camera(self, time: float) -> Camera:
        """Return the view at `time` seconds, in the first keyframe's image size. It is constant outside the path.

        At a keyframe it is exactly the keyframe's camera (fitted to that size if its own size differs).

        Raises:
            InputError: the path is empty.
        """
        index, weight = self._locate(time)
        size = (self._keyframes[0].camera.width, self._keyframes[0].camera.height)
        if weight == 0.0:
            return _sized(self._keyframes[index].camera, size)
        neighbors = self._neighbors(index)
        cameras = [_sized(keyframe.camera, size) for keyframe in neighbors]
        return blend_cameras(cameras, [keyframe.time for keyframe in neighbors], weight, self.tension)

    def center(self, time: float) -> NDArray[np.float64]:
        """Return the position of `camera(time)`, (3,) meters; it takes less time than the whole view."""
        index, weight = self._locate(time)
        if weight == 0.0:
            return self._keyframes[index].camera.center
        neighbors = self._neighbors(index)
        centers = [keyframe.camera.center for keyframe in neighbors]
        return cardinal(centers, [keyframe.time for keyframe in neighbors], weight, self.tension)

    def frame(self, time: float) -> float:
        """Return the scene's frame index at `time` seconds: exact at keyframes, and without overshoot between them."""
        index, weight = self._locate(time)
        if weight == 0.0:
            return self._keyframes[index].frame
        near = self._keyframes[max(index - 1, 0) : index + 3]  # the curve depends on no others
        value = monotone_value([k.time for k in near], [k.frame for k in near], time)
        return float(round(value)) if abs(value - round(value)) < 1e-6 else value

    def _neighbors(self, index: int) -> list[Keyframe]:
        return [self._keyframes[min(max(i, 0), len(self) - 1)] for i in range(index - 1, index + 3)]

    def _locate(self, time: float) -> tuple[int, float]:
        # The keyframe at or before `time`, and the fraction of the way to the next one, in [0, 1).
        if not self._keyframes:
            raise InputError("camera path", "has no keyframes", "add one first")
        same = self.index_at(time)
        if same is not None:
            return same, 0.0
        index = bisect_right(self._keyframes, time, key=lambda keyframe: keyframe.time) - 1
        if index < 0 or index == len(self) - 1:
            return max(index, 0), 0.0
        first, second = self._keyframes[index].time, self._keyframes[index + 1].time
        return index, (time - first) / (second - first)

    # Files

    def to_dict(self) -> dict[str, Any]:
        """Return the object of PATH.json, including the tension."""
        return {"keyframes": [keyframe.to_dict() for keyframe in self._keyframes], "tension": self.tension}

    def save(self, path: Path) -> None:
        """Write PATH.json atomically; raise InputError if it cannot be written."""
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @staticmethod
    def from_dict(values: object, subject: str = "camera path") -> CameraPath:
        """Read the object of PATH.json; raise InputError if it is invalid."""
        listed = values.get("keyframes") if isinstance(values, dict) else None
        if isinstance(values, dict) and listed is None and {"K", "R", "T"} & values.keys():
            raise InputError(subject, "is one camera", "a path has keyframes, each with time, frame and camera")
        if not isinstance(values, dict) or not isinstance(listed, list):
            raise InputError(subject, 'must be a JSON object {"keyframes": [...]}')
        if not listed:
            raise InputError(subject, "has no keyframes")
        keyframes = [_read_keyframe(entry, f"{subject}: keyframe {index}") for index, entry in enumerate(listed)]
        times = [keyframe.time for keyframe in keyframes]
        for index in range(1, len(times)):
            if times[index] - times[index - 1] < SAME_TIME:
                raise InputError(subject, f"keyframe {index} is not later than the previous one ({times[index]:g} s)")
        tension = _number(values.get("tension", 0.0), f"{subject}: tension")
        if not 0 <= tension <= 1:
            raise InputError(f"{subject}: tension", "must be 0 to 1")
        return CameraPath(keyframes, tension)

    @staticmethod
    def load(path: Path) -> CameraPath:
        """Read PATH.json; raise InputError if the file is invalid."""
        return CameraPath.from_dict(read_json(path), str(path))


def _check_place(time: float, frame: float) -> None:
    if not (math.isfinite(time) and time >= 0 and math.isfinite(frame)):
        raise InputError("keyframe", f"time {time:g} and frame {frame:g} must be finite, time not negative")


def _read_keyframe(entry: object, subject: str) -> Keyframe:
    if not isinstance(entry, dict):
        raise InputError(subject, "must be a JSON object with time, frame and camera")
    missing = [name for name in ("time", "frame", "camera") if name not in entry]
    if missing:
        raise InputError(subject, f"has no {missing[0]}")
    time, frame = _number(entry["time"], f"{subject}: time"), _number(entry["frame"], f"{subject}: frame")
    if time < 0 or frame < 0:
        raise InputError(subject, "time and frame must not be negative")
    return Keyframe(time, frame, Camera.from_dict(entry["camera"], f"{subject}: camera"))


def _number(value: object, subject: str) -> float:
    if not is_number(value):
        raise InputError(subject, "must be a finite number")
    return float(value)


def _sized(camera: Camera, size: tuple[int, int]) -> Camera:
    return camera if (camera.width, camera.height) == size else camera.fitted(*size)
