"""The optional `meta.yaml` of a capture."""

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
    """What a capture says of itself; the defaults are those of a plain EasyMocap folder."""

    name: str = ""
    """Title; empty: the folder's name."""
    fps: float = 30.0
    """Frames a second."""
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Unit vector that points up, from `up_axis`."""
    pixel_center: float = 0.0
    """Image coordinate of the top-left pixel's center: 0 as in OpenCV's calibrations, or 0.5."""
    background: str = ""
    """"black": images are composited over black already. Otherwise what lies outside the masks is blackened."""
    loop: bool = False
    """Whether the last frame leads to the first."""
    train_cameras: tuple[int, ...] | None = None
    """Cameras to train on; None: all but the test cameras."""
    test_cameras: tuple[int, ...] | None = None
    """Cameras held back for evaluation; None: none."""
    source: str = ""
    """Where the content comes from."""


def read_meta(path: Path, num_cameras: int) -> CaptureMeta:
    """Read `meta.yaml`; keys that it does not know are left alone.

    Args:
        path: the file; the defaults are returned when there is none.
        num_cameras: cameras of the capture, for checking their indices.

    Raises:
        InputError: the file is too large, no YAML mapping, or a value is of the wrong type or out of range.
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

    def _number(self, key: str, default: float, least: float, most: float) -> float:
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self._fail(key, f"must be a number from {least:g} to {most:g}")
        return float(value)

    def _cameras(self, key: str, num_cameras: int) -> tuple[int, ...] | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(type(v) is int and 0 <= v < num_cameras for v in value):
            self._fail(key, f"must be a list of camera indices from 0 to {num_cameras - 1}")
        if len(set(value)) != len(value):
            self._fail(key, "names a camera twice")
        return tuple(value)
