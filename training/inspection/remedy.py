"""Express a changed reading of a capture as entries of meta.yaml."""

from __future__ import annotations

from typing import Any

from training.inspection.comparison import Readings
from training.inspection.footage import Calibration, Footage
from training.inspection.reading import CameraReading
from training.inspection.scale import UNITS

Entries = dict[str, Any]

_CAPTURE_KEYS = ("pose", "axes", "camera_units", "mask_channel", "mask_threshold", "mask_inverted")
"""Keys of meta.yaml for the whole capture. The others are in `all_cameras` or `cameras`."""

_MIN_FRACTION = 0.05  # of a frame


def remedy(footage: Footage, before: Readings, after: Readings) -> Entries:
    """Return the entries of meta.yaml that change one reading into another.

    Entries that all cameras share go to the whole capture or to `all_cameras`, the others to `cameras`.
    """
    names = footage.names
    per_camera = [_entries(images, old, new) for images, old, new in zip(footage.calibrations, before, after, strict=True)]
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if new.calibration != old.calibration:
            per_camera[new.calibration]["images_from"] = footage.calibrations[index].images_from or names[index]
    first = per_camera[0]
    shared = {key: value for key, value in first.items() if all(entries.get(key) == value for entries in per_camera)}
    entries = {key: value for key, value in shared.items() if key in _CAPTURE_KEYS}
    everywhere = {key: value for key, value in shared.items() if key not in _CAPTURE_KEYS}
    single = {
        name: rest
        for name, own in zip(names, per_camera, strict=True)
        if (rest := {key: value for key, value in own.items() if key not in shared})
    }
    return entries | ({"all_cameras": everywhere} if everywhere else {}) | ({"cameras": single} if single else {})


def _entries(images: Calibration, old: CameraReading, new: CameraReading) -> Entries:
    entries: Entries = {}
    if new.pose != old.pose:
        entries["pose"] = new.pose
    if new.axes != old.axes:
        entries["axes"] = new.axes
    if new.meters_per_unit != old.meters_per_unit:
        entries["camera_units"] = unit_name(new.meters_per_unit)
    if new.flip != old.flip:
        entries["flip"] = new.flip
    if new.distortion != old.distortion:
        entries |= {"lens": "none"} if not new.distortion else {"lens": "opencv", "D": list(new.distortion)}
    entries |= _time_entries(images, old, new)
    if new.moved != old.moved and new.moved is not None:
        entries["refine"] = {"poses": True}
        entries["R"] = [[round(v, 9) for v in new.moved[row : row + 3]] for row in (0, 3, 6)]
        entries["T"] = [round(v, 6) for v in new.moved[9:]]
    return entries | _size_entries(images, old, new) | _mask_entries(old, new)


def _time_entries(images: Calibration, old: CameraReading, new: CameraReading) -> Entries:
    """Return whole frames of the files as an offset, and the rest as a fraction from which training starts."""
    if new.frame_offset == old.frame_offset:
        return {}
    whole = round(new.frame_offset * images.stride)
    offset = {"frame_offset": images.frame_offset + whole} if whole != round(old.frame_offset * images.stride) else {}
    fraction = round(whole / images.stride - new.frame_offset, 2)
    if images.video_rate is not None or abs(fraction) < _MIN_FRACTION:  # videos have time_offset instead
        return offset
    return offset | {"frame_fraction": fraction, "refine": {"times": True}}


def _size_entries(images: Calibration, old: CameraReading, new: CameraReading) -> Entries:
    width, height = images.calibrated or (images.width, images.height)
    if new.crop != old.crop:
        # The principal point was probably in the middle of the calibrated images.
        size = [max(1, round(images.K[0, 2]) * 2), max(1, round(images.K[1, 2]) * 2)]
        return {"size": size, "fit": [float(round(value)) for value in new.crop]}
    if new.scale != old.scale:
        return {"size": [max(1, round(width / new.scale[0])), max(1, round(height / new.scale[1]))], "fit": "scale"}
    return {}


def _mask_entries(old: CameraReading, new: CameraReading) -> Entries:
    changed = {name: getattr(new.mask, name) for name in ("channel", "threshold", "inverted")}
    return {f"mask_{name}": value for name, value in changed.items() if value != getattr(old.mask, name)}


def unit_name(meters_per_unit: float) -> str | float:
    """Return the name of a unit, or its length in meters if it has no name."""
    return next((name for name, number in UNITS.items() if abs(number * meters_per_unit - 1) < 1e-9), meters_per_unit)
