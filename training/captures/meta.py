"""Read the optional `meta.yaml` of a capture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.documents import read_yaml
from common.errors import InputError

_UP_AXES: dict[str, tuple[float, float, float]] = {
    f"{sign}{axis}": tuple(float(s if a == axis else 0) for a in "xyz")  # type: ignore[misc]
    for axis in "xyz"
    for sign, s in (("", 1), ("+", 1), ("-", -1))
}


@dataclass(frozen=True)
class CaptureMeta:
    """Metadata of a capture. The defaults are right for a plain EasyMocap folder."""

    name: str = ""
    """Title; if empty, the folder's name is used."""
    fps: float = 30.0
    """Frames per second."""
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Unit vector that points up, from the key `up_axis`."""
    pixel_center: float = 0.0
    """Image coordinate of the top-left pixel's center: 0 as in OpenCV's calibrations, or 0.5."""
    background: str = ""
    """"black" means that images are composited over black. Otherwise pixels outside the masks are set to black."""
    loop: bool = False
    """Whether the last frame leads to the first."""
    train_cameras: tuple[int, ...] | None = None
    """Cameras to train on. None means all except the test cameras."""
    test_cameras: tuple[int, ...] | None = None
    """Cameras held back for evaluation. None means that none are."""
    source: str = ""
    """Where the content comes from."""


def read_meta(path: Path, num_cameras: int) -> CaptureMeta:
    """Read `meta.yaml`. Unknown keys are ignored.

    Args:
        path: the file; if it does not exist, the defaults are returned.
        num_cameras: cameras of the capture, to check their indices.

    Raises:
        InputError: the file is too large, not a YAML mapping, or a value is of the wrong type or out of range.
    """
    if not path.exists():
        return CaptureMeta()
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(path, "must be a mapping of names to values")
    return _MetaReader(path, values).read(num_cameras)


class _MetaReader:
    def __init__(self, path: Path, values: dict[Any, Any]) -> None:
        self.path, self.values = path, values

    def read(self, num_cameras: int) -> CaptureMeta:
        default = CaptureMeta()
        test = self._cameras("test_cameras", num_cameras)
        train = self._cameras("train_cameras", num_cameras)
        if train is not None and not train:
            self._fail("train_cameras", "must not be empty")
        return CaptureMeta(
            name=self._text("name"),
            fps=self._number("fps", default.fps, 0.01, 1000),
            up=_UP_AXES[self._choice("up_axis", "z", tuple(_UP_AXES))],
            pixel_center=self._number("pixel_center", default.pixel_center, 0, 0.5),
            background=self._text("background"),
            loop=self.values.get("loop") is True,
            train_cameras=train,
            test_cameras=test,
            source=self._text("source"),
        )

    def _fail(self, key: str, fault: str) -> None:
        raise InputError(self.path, f"{key} {fault}")

    def _text(self, key: str) -> str:
        return str(self.values.get(key) or "")[:1000]

    def _choice(self, key: str, default: str, known: tuple[str, ...]) -> str:
        value = str(self.values.get(key, default)).lower()
        if value not in known:
            self._fail(key, f"must be one of {', '.join(known)}")
        return value

    def _number(self, key: str, default: float, low: float, high: float) -> float:
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self._fail(key, f"must be a number from {low:g} to {high:g}")
        return float(value)

    def _cameras(self, key: str, num_cameras: int) -> tuple[int, ...] | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(type(v) is int and 0 <= v < num_cameras for v in value):
            self._fail(key, f"must be a list of camera indices from 0 to {num_cameras - 1}")
        if len(set(value)) != len(value):
            self._fail(key, "has a camera twice")
        return tuple(value)
