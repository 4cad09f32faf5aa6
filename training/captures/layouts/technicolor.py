"""Technicolor's light field videos: `cameras_parameters.txt` and one image per frame and camera, all in one folder."""

from __future__ import annotations

import re

import numpy as np

from training.captures.description import Conventions, Description, RawCamera
from training.captures.files import CaptureFolder
from training.captures.frame_sets import CameraFiles, Key, describe
from training.captures.layout import Layout, file_named
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, numbers_in, parsing, rotation_of_quaternion

FILE = "cameras_parameters.txt"

_NAME = re.compile(r".*_(\d{1,9})_(\d{1,4})\.(?:png|jpg)", re.ASCII)

_CONVENTIONS = Conventions(up_axis="-y")


def _read(folder: CaptureFolder, meta: CaptureMeta, _: str) -> Description:
    with parsing(folder.root / FILE, "a list of cameras with 12 numbers"):
        lines = [line for line in folder.text(FILE).splitlines()[1:] if line.strip()]
        cameras = [_camera(index, line) for index, line in enumerate(lines)]
    masks = mask_folder(folder, meta, ("masks", "mask"))
    images = _by_camera(folder, "", len(cameras))
    subjects = None if masks is None else _by_camera(folder, masks, len(cameras))
    files = [CameraFiles(c.name, images[i], None if subjects is None else subjects[i]) for i, c in enumerate(cameras)]
    return describe(folder, FILE, cameras, files, _CONVENTIONS)


LAYOUT = Layout("technicolor", "Technicolor", FILE, file_named(FILE), _read)


def _camera(index: int, line: str) -> RawCamera:
    """Read focal length, center, aspect ratio, skew, two distortion coefficients (undone already), quaternion, translation."""
    focal, cu, cv, *rest = numbers_in(line, 12)
    T = np.array(rest[6:])
    return RawCamera(f"{index:02d}", intrinsic_matrix(focal, focal, cu, cv), np.zeros(5), rotation_of_quaternion(rest[2:6]), T)


def _by_camera(folder: CaptureFolder, place: str, cameras: int) -> list[dict[Key, str]]:
    found: list[dict[Key, str]] = [{} for _ in range(cameras)]
    for name in folder.images(place):
        match = _NAME.fullmatch(name)
        if match and int(match[2]) < cameras:
            found[int(match[2])][int(match[1])] = f"{place}/{name}".lstrip("/")
    return found
