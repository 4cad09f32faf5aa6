"""Qualisys: `*.qca.txt`, an XML file, with a folder of images per camera."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from common.errors import InputError
from training.captures.description import MAX_CAMERAS, Conventions, Description, RawCamera
from training.captures.files import CaptureFolder
from training.captures.layout import Layout
from training.captures.layouts.pose2sim import described
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, matrix, number, parsing, size_of

_PLACES = ("", "calibration", "Calibration")

_SUBPIXELS = 64
"""Lengths on the sensor are in units of a pixel divided by this."""

_VIDEO_MODELS = ("Miqus Video", "Miqus Video UnderWater", "none")
"""Models that record video. The others only record markers."""

_CONVENTIONS = Conventions(units_per_meter=1000, vertex_units_per_meter=1000, pose="camera_to_world", axes="opengl")

_MAX_BYTES = 4 << 20


def _file(folder: CaptureFolder) -> str | None:
    for place in _PLACES:
        names = folder.names(place) if not place or folder.has_folder(place) else []
        found = [name for name in names if name.endswith(".qca.txt")]
        if found:
            return f"{place}/{found[0]}".lstrip("/")
    return None


def _recognizes(folder: CaptureFolder) -> bool:
    return _file(folder) is not None


def _read(folder: CaptureFolder, meta: CaptureMeta) -> Description:
    file = _file(folder)
    if file is None:
        raise InputError(folder.root, "has no .qca.txt", "it may be in the folder or in calibration/")
    text = folder.text(file, _MAX_BYTES)
    if "<!" in text.replace("<!--", ""):
        raise InputError(folder.root / file, "defines entities, which a calibration does not need")
    try:
        root = ElementTree.fromstring(text.encode())
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(folder.root / file, "is not valid XML") from error
    elements = [element for element in root.iter("camera") if element.get("model", "none") in _VIDEO_MODELS]
    with parsing(folder.root / file, "a calibration of Qualisys"):
        cameras = [_camera(element) for element in elements]
    if not 1 <= len(cameras) <= MAX_CAMERAS or len({camera.name for camera in cameras}) != len(cameras):
        raise InputError(folder.root / file, f"must have 1 to {MAX_CAMERAS} video cameras of different serial numbers")
    return described(folder, meta, cameras, file, _CONVENTIONS)


LAYOUT = Layout("qualisys", "Qualisys", "*.qca.txt", _recognizes, _read)


def _camera(element: ElementTree.Element) -> RawCamera:
    field, pose, lens = (_attributes(element, name) for name in ("fov_video", "transform", "intrinsic"))
    left, top = number(field["left"]), number(field["top"])
    size = size_of(number(field["right"]) - left + 1, number(field["bottom"]) - top + 1)
    fx, fy = (number(lens[f"focalLength{axis}"]) / _SUBPIXELS for axis in "UV")
    cx, cy = (number(lens[f"centerPoint{axis}"]) / _SUBPIXELS for axis in "UV")
    names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2", "radialDistortion3")
    D = np.array([number(lens.get(name, 0.0)) for name in names])
    rows = matrix([number(pose[f"r{row}{column}"]) for row in (1, 2, 3) for column in (1, 2, 3)], 3, 3)
    T = np.array([number(pose[axis]) for axis in "xyz"])
    serial = element.attrib["serial"]
    return RawCamera(serial, intrinsic_matrix(fx, fy, cx - left, cy - top), D, rows.T, T, size)


def _attributes(element: ElementTree.Element, name: str) -> dict[str, str]:
    child = element.find(name)
    if child is None:
        raise KeyError(name)
    return child.attrib
