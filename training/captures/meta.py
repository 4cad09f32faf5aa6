"""Read the optional `meta.yaml` of a capture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, StrictBool, StrictFloat
from pydantic.dataclasses import dataclass

from common.documents import is_number
from common.errors import InputError
from common.validation import FIELDS, Rate, WholeNumber, one_of, validated, within
from common.yaml_documents import read_yaml
from model.camera import MAX_IMAGE_SIDE
from training.captures.description import AXES, CHANNELS, POSES
from training.captures.images import FLIPS

_UP_AXES: dict[str, tuple[float, float, float]] = {
    f"{sign}{axis}": tuple(float(s if a == axis else 0) for a in "xyz")  # type: ignore[misc]
    for axis in "xyz"
    for sign, s in (("", 1), ("+", 1), ("-", -1))
}


Text = Annotated[str, BeforeValidator(lambda value: str(value or "")[:1000])]
"""A text; numbers are taken as texts."""

UNITS = {"m": 1.0, "meters": 1.0, "metres": 1.0, "cm": 100.0, "centimeters": 100.0, "mm": 1000.0, "millimeters": 1000.0}
"""Names of units, and how many of them a meter has."""


def _per_meter(value: object) -> object:
    if isinstance(value, str):
        if value not in UNITS:
            raise ValueError(f"must be m, cm, mm or the length of a unit in meters, not {value[:40]}")
        return UNITS[value]
    if not is_number(value, 1e-9, 1e9):
        raise ValueError("must be m, cm, mm or the length of a unit in meters")
    return 1.0 / value


Number = Annotated[StrictFloat, within(-1e9, 1e9)]
_Row = tuple[Number, Number, Number, Number]
Vector = tuple[Number, Number, Number]
Matrix = tuple[Vector, Vector, Vector]
Side = Annotated[WholeNumber, within(1, MAX_IMAGE_SIDE)]
Units = Annotated[float, BeforeValidator(_per_meter)]
"""Units per meter, given as a name or as the length of a unit in meters."""
Fit = one_of("same", "scale", "crop")


@dataclass(frozen=True, config=FIELDS)
class RefineMeta:
    """The corrections of a camera that training learns."""

    colors: StrictBool = False
    """Gain and offset of its colors."""
    poses: StrictBool = False
    """A small movement."""
    times: StrictBool = False
    """An offset in time of less than a frame."""


@dataclass(frozen=True, config=FIELDS)
class CameraMeta:
    """Settings in meta.yaml of one camera, or of all cameras. They replace those of the calibration's files."""

    size: tuple[Side, Side] | None = None
    """Width and height of the images that were calibrated."""
    fit: Annotated[str, Fit] | tuple[Number, Number] | None = None
    """How images of another size were made from those that were calibrated: "scale", "crop" (evenly at both sides), or the
    columns and rows that were cut off at the left and the top. "same": K is used unchanged. None: scaled if the shape is
    the same, otherwise an error."""
    flip: Annotated[str, one_of(*FLIPS)] = "none"
    """How images are flipped before the calibration applies."""
    lens: Annotated[str, one_of("calibrated", "none", "opencv", "fisheye")] = "calibrated"
    """What the distortion coefficients mean. "none": the images are undistorted already."""
    frame_offset: Annotated[WholeNumber, within(-100_000, 100_000)] = 0
    """Frame of this camera that belongs to frame 0."""
    frame_fraction: Annotated[StrictFloat, within(-1, 1)] = 0.0
    """Fraction of a frame by which its images are later than the other cameras' images of the same frame. Training renders its
    rays at that time."""
    refine: RefineMeta = RefineMeta()
    """The corrections that training learns."""
    time_offset: Annotated[StrictFloat, within(-86_400, 86_400)] = 0.0
    """Seconds of this camera's video that belong to time 0; fractions of a frame are possible."""
    mask_channel: Annotated[str, one_of(*CHANNELS)] | None = None
    """Where its masks mark the subject, if it differs from the other cameras' masks."""
    mask_threshold: Annotated[WholeNumber, within(0, 254)] | None = None
    """Values of its masks above this one are the subject; None means as for the other cameras."""
    mask_inverted: StrictBool | None = None
    """Whether its masks show the background; None means as for the other cameras."""
    images_from: Text = ""
    """Name of the camera whose images and masks belong to this camera, if cameras were swapped."""
    K: Matrix | None = None
    """Intrinsic matrix instead of the calibrated one."""
    D: tuple[Number, ...] | None = None
    """Distortion coefficients instead of the calibrated ones."""
    R: Matrix | None = None
    """Rotation in OpenCV's convention from the upright world in meters to the camera, instead of the calibrated one."""
    T: Vector | None = None
    """Translation of that pose, meters."""


@dataclass(frozen=True, config=FIELDS)
class CaptureMeta:
    """Metadata of a capture. None keeps the layout's value."""

    name: Text = ""
    """Title; if empty, the folder's name is used."""
    layout: Text = ""
    """Name of the layout, if the files do not make it clear."""
    fps: Annotated[Rate, within(0.01, 1000)] | None = None
    """Frames per second."""
    up_axis: Annotated[str, BeforeValidator(lambda value: str(value).lower()), one_of(*_UP_AXES)] | None = None
    """Axis that points up: x, y, z, or one of them with a sign."""
    units: Units | None = None
    """Unit of the world: of vertices, boxes and, unless the layout has another unit for them, translations."""
    camera_units: Units | None = None
    """Unit of the cameras' translations, if it differs from `units`."""
    pose: Annotated[str, one_of(*POSES)] | None = None
    """What rotation and translation do."""
    axes: Annotated[str, one_of(*AXES)] | None = None
    """Axes of the cameras."""
    transform: tuple[_Row, _Row, _Row, _Row] | None = None
    """4 x 4 similarity from the world, in meters, to the upright world in meters; z points up afterwards."""
    bounds: tuple[Vector, Vector] | None = None
    """Box of the subject in all frames, minimum and maximum in upright meters, instead of boxes from vertices or masks."""
    pixel_center: Annotated[StrictFloat, within(0, 0.5)] | None = None
    """Image coordinate of the top-left pixel's center: 0 as in OpenCV's calibrations, or 0.5."""
    frame_start: Annotated[WholeNumber, within(0, 1_000_000)] = 0
    """First frame to use."""
    frame_stop: Annotated[WholeNumber, within(1, 1_000_000)] | None = None
    """The frame after the last one to use."""
    frame_stride: Annotated[WholeNumber, within(1, 100_000)] = 1
    """Step from one frame to the next."""
    masks: Text = ""
    """Name of the folder of masks; "alpha": the images' alpha channels; "none": everything in the images is the subject."""
    mask_channel: Annotated[str, one_of(*CHANNELS)] | None = None
    """Where in the files of masks the subject is marked: "color", "alpha", or "palette" for the colors of a palette."""
    mask_threshold: Annotated[WholeNumber, within(0, 254)] | None = None
    """Values of masks above this one, of 255, are the subject."""
    mask_inverted: StrictBool = False
    """Whether masks show the background."""
    mask_soft: StrictBool = False
    """Whether the values of masks between 0 and 255 say how much of a pixel the subject covers."""
    face_labels: tuple[Annotated[WholeNumber, within(0, 255)], ...] | None = None
    """Labels of the face in human parses."""
    background: Text = ""
    """"black" means that images are composited over black. Otherwise pixels outside the masks are set to black."""
    loop: Annotated[bool, BeforeValidator(lambda value: value is True)] = False
    """Whether the last frame leads to the first."""
    train_cameras: tuple[WholeNumber, ...] | None = None
    """Cameras to train on. None means all except the test cameras."""
    test_cameras: tuple[WholeNumber, ...] | None = None
    """Held-out cameras, for evaluation. None means that there are none."""
    source: Text = ""
    """Where the content comes from."""
    all_cameras: CameraMeta = CameraMeta()
    """Settings of all cameras."""
    cameras: dict[str, CameraMeta] = dataclasses.field(default_factory=dict)
    """Settings of single cameras, by name; or by index if no camera has a number as its name."""


def up_vector(axis: str) -> tuple[float, float, float]:
    """Return the unit vector of an axis name such as "z" or "-y"."""
    return _UP_AXES[axis]


def read_meta(path: Path, overrides: dict[str, Any] | None = None) -> CaptureMeta:
    """Read `meta.yaml`. Unknown keys are ignored.

    Args:
        path: the file; if it does not exist, the defaults are returned.
        overrides: values that replace those of the file.

    Raises:
        InputError: the file is too large, not a YAML mapping, or a value is of the wrong type or out of range.
    """
    values = (read_yaml(path) if path.exists() else {}) or {}
    if not isinstance(values, dict):
        raise InputError(path, "must be a mapping of names to values")
    known = {field.name for field in dataclasses.fields(CaptureMeta)}
    given = {name: value for name, value in (values | (overrides or {})).items() if name in known}
    if isinstance(given.get("cameras"), dict):
        given["cameras"] = {str(name): value for name, value in given["cameras"].items()}
    try:
        meta = validated(CaptureMeta, given, "")
    except InputError as error:
        raise InputError(path, f"{error.subject.removeprefix('.')} {error.fault}", error.remedy) from error
    if meta.train_cameras == ():
        raise InputError(path, "train_cameras must not be empty")
    for name, cameras in (("train_cameras", meta.train_cameras or ()), ("test_cameras", meta.test_cameras or ())):
        if len(set(cameras)) != len(cameras):
            raise InputError(path, f"{name} has a camera twice")
    return meta


def read_overrides(path: Path | None) -> dict[str, Any]:
    """Read a file of settings that replace those of a capture's meta.yaml, in the same form; none without a file.

    Raises:
        InputError: the file is missing or not a YAML mapping. `read_meta` checks the values.
    """
    values = {} if path is None else read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(path or "", "must be a mapping of names to values")
    unknown = [str(name) for name in values if name not in {field.name for field in dataclasses.fields(CaptureMeta)}]
    if unknown:
        raise InputError(path or "", f"unknown setting {unknown[0][:40]}", "see docs/captures.md for those of meta.yaml")
    return values


def camera_metas(meta: CaptureMeta, names: list[str], path: Path) -> list[CameraMeta]:
    """Return the settings of each camera: its own values, or those of `all_cameras` where it has none.

    Args:
        meta: the content of meta.yaml.
        names: the cameras' names.
        path: the file, for messages.

    Raises:
        InputError: the file names a camera that the capture does not have.
    """
    for key, cameras in (("train_cameras", meta.train_cameras or ()), ("test_cameras", meta.test_cameras or ())):
        if not all(0 <= index < len(names) for index in cameras):
            raise InputError(path, f"{key} must be a list of camera indices from 0 to {len(names) - 1}")
    default, own = CameraMeta(), [CameraMeta()] * len(names)
    for name, values in meta.cameras.items():
        own[camera_index(name, names, path)] = values
    given = [
        {f.name: getattr(m, f.name) for f in dataclasses.fields(m) if getattr(m, f.name) != getattr(default, f.name)}
        for m in own
    ]
    return [dataclasses.replace(meta.all_cameras, **values) for values in given]


def camera_index(key: str, names: list[str], path: Path) -> int:
    """Return the camera that a key of meta.yaml means: its name, the number in a name such as 01, or an index if no name is a
    number.

    Raises:
        InputError: there is no such camera.
    """
    if key in names:
        return names.index(key)
    numbers = [int(name) if name.isascii() and name.isdigit() else None for name in names]
    if key.isascii() and key.isdigit():
        numbered = list(range(len(names))) if all(number is None for number in numbers) else numbers
        if int(key) in numbered:
            return numbered.index(int(key))
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    raise InputError(path, f"there is no camera {key}", f"the cameras are {shown}")
