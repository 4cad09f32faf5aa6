"""Read the optional `meta.yaml` of a capture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from common.documents import read_yaml
from common.errors import InputError
from common.validation import FIELDS, one_of, validated, within

_UP_AXES: dict[str, tuple[float, float, float]] = {
    f"{sign}{axis}": tuple(float(s if a == axis else 0) for a in "xyz")  # type: ignore[misc]
    for axis in "xyz"
    for sign, s in (("", 1), ("+", 1), ("-", -1))
}


Text = Annotated[str, BeforeValidator(lambda value: str(value or "")[:1000])]
"""A text; numbers are taken as texts."""


@dataclass(frozen=True, config=FIELDS)
class CaptureMeta:
    """Metadata of a capture. The defaults are right for a plain EasyMocap folder."""

    name: Text = ""
    """Title; if empty, the folder's name is used."""
    fps: Annotated[StrictFloat, within(0.01, 1000)] = 30.0
    """Frames per second."""
    up_axis: Annotated[str, BeforeValidator(lambda value: str(value).lower()), one_of(*_UP_AXES)] = "z"
    """Axis that points up: x, y, z, or one of them with a sign."""
    pixel_center: Annotated[StrictFloat, within(0, 0.5)] = 0.0
    """Image coordinate of the top-left pixel's center: 0 as in OpenCV's calibrations, or 0.5."""
    background: Text = ""
    """"black" means that images are composited over black. Otherwise pixels outside the masks are set to black."""
    loop: Annotated[bool, BeforeValidator(lambda value: value is True)] = False
    """Whether the last frame leads to the first."""
    train_cameras: tuple[StrictInt, ...] | None = None
    """Cameras to train on. None means all except the test cameras."""
    test_cameras: tuple[StrictInt, ...] | None = None
    """Held-out cameras, for evaluation. None means that there are none."""
    source: Text = ""
    """Where the content comes from."""

    @property
    def up(self) -> tuple[float, float, float]:
        """Unit vector that points up."""
        return _UP_AXES[self.up_axis]


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
    known = {field.name for field in dataclasses.fields(CaptureMeta)}
    try:
        meta = validated(CaptureMeta, {name: value for name, value in values.items() if name in known}, "")
    except InputError as error:
        raise InputError(path, f"{error.subject.removeprefix('.')} {error.fault}") from error
    if meta.train_cameras == ():
        raise InputError(path, "train_cameras must not be empty")
    for name, cameras in (("train_cameras", meta.train_cameras or ()), ("test_cameras", meta.test_cameras or ())):
        if not all(0 <= index < num_cameras for index in cameras):
            raise InputError(path, f"{name} must be a list of camera indices from 0 to {num_cameras - 1}")
        if len(set(cameras)) != len(cameras):
            raise InputError(path, f"{name} has a camera twice")
    return meta
