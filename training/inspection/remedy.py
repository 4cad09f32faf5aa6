"""The lines of meta.yaml that make the reader read a capture as a reading says."""

from __future__ import annotations

from typing import Any

from training.captures.meta import UNITS
from training.inspection.footage import Calibration, Footage
from training.inspection.panel import Readings
from training.inspection.reading import CameraReading

Entries = dict[str, Any]

_OF_THE_CAPTURE = ("pose", "axes", "camera_units", "mask_channel", "mask_threshold", "mask_inverted")
"""Keys of meta.yaml that hold for the capture; the others are in `all_cameras` or `cameras`."""


def remedy(footage: Footage, before: Readings, after: Readings) -> Entries:
    """Return the entries of meta.yaml that lead from one reading to another.

    What all cameras share becomes an entry of the capture or of `all_cameras`, the rest an entry of its camera.
    """
    names = footage.names
    of_cameras = [_entries(images, old, new) for images, old, new in zip(footage.calibrations, before, after, strict=True)]
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if new.calibration != old.calibration:
            of_cameras[new.calibration]["images_from"] = footage.calibrations[index].images_from or names[index]
    first = of_cameras[0]
    shared = {key: value for key, value in first.items() if all(entries.get(key) == value for entries in of_cameras)}
    entries = {key: value for key, value in shared.items() if key in _OF_THE_CAPTURE}
    everywhere = {key: value for key, value in shared.items() if key not in _OF_THE_CAPTURE}
    single = {
        name: rest
        for name, of_camera in zip(names, of_cameras, strict=True)
        if (rest := {key: value for key, value in of_camera.items() if key not in shared})
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
    if round(new.frame_offset * images.stride) != round(old.frame_offset * images.stride):
        entries["frame_offset"] = images.frame_offset + round(new.frame_offset * images.stride)
    if new.moved != old.moved and new.moved is not None:
        entries["R"] = [[round(v, 9) for v in new.moved[row : row + 3]] for row in (0, 3, 6)]
        entries["T"] = [round(v, 6) for v in new.moved[9:]]
    return entries | _size_entries(images, old, new) | _mask_entries(old, new)


def _size_entries(images: Calibration, old: CameraReading, new: CameraReading) -> Entries:
    width, height = images.calibrated or (images.width, images.height)
    if new.crop != old.crop:
        # The size that was calibrated has its middle where the principal point was.
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
    names = ("m", "cm", "mm")
    return next((name for name in names if abs(UNITS[name] * meters_per_unit - 1) < 1e-9), meters_per_unit)
