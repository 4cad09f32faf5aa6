"""Qualisys: `*.qca.txt`, an XML file, with a folder of images per camera."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from common.errors import InputError
from training.captures.description import Conventions, Description, RawCamera
from training.captures.files import CaptureFolder
from training.captures.layout import Layout
from training.captures.layouts.pose2sim import PLACES, describe_cameras
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, matrix, number, parsing, size_of

_SUBPIXELS = 64
"""Lengths on the sensor are in units of a pixel divided by this."""

_VIDEO_MODELS = ("Miqus Video", "Miqus Video UnderWater", "none")
"""Models that record video. The others only record markers."""

_CONVENTIONS = Conventions(units_per_meter=1000, vertex_units_per_meter=1000, pose="camera_to_world", axes="opengl")

_MAX_BYTES = 4 << 20


def _file(folder: CaptureFolder) -> str | None:
    return folder.first_like(PLACES, suffix=".qca.txt")


def _read(folder: CaptureFolder, meta: CaptureMeta, file: str) -> Description:
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
    if not cameras:
        raise InputError(folder.root / file, "has no cameras that record video")
    return describe_cameras(folder, meta, cameras, file, _CONVENTIONS)


LAYOUT = Layout("qualisys", "Qualisys", "*.qca.txt", _file, _read)


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
