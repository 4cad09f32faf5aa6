"""Technicolor's light field videos: `cameras_parameters.txt` and one image per frame and camera, all in one folder."""

from __future__ import annotations

import re

import numpy as np

from common.errors import InputError
from training.captures.description import MAX_CAMERAS, SMOOTH_THRESHOLD, Conventions, Description, MaskRule, RawCamera
from training.captures.files import CaptureFolder
from training.captures.frame_sets import CameraFiles, Key, join_frames
from training.captures.layout import Layout
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, numbers_in, parsing, rotation_of_quaternion

FILE = "cameras_parameters.txt"

_NAME = re.compile(r".*_(\d{1,9})_(\d{1,4})\.(?:png|jpg)", re.ASCII)

_CONVENTIONS = Conventions(up_axis="-y")


def _recognizes(folder: CaptureFolder) -> bool:
    return folder.has_file(FILE)


def _read(folder: CaptureFolder, meta: CaptureMeta) -> Description:
    with parsing(folder.root / FILE, "a list of cameras with 12 numbers"):
        lines = [line for line in folder.text(FILE).splitlines()[1:] if line.strip()]
        cameras = [_camera(index, line) for index, line in enumerate(lines)]
    if not 1 <= len(cameras) <= MAX_CAMERAS:
        raise InputError(folder.root / FILE, f"must have a first line with titles and 1 to {MAX_CAMERAS} cameras")
    masks = mask_folder(folder, meta, ("masks", "mask"))
    images = _by_camera(folder, "", len(cameras))
    subjects = None if masks is None else _by_camera(folder, masks, len(cameras))
    files = [CameraFiles(c.name, images[i], None if subjects is None else subjects[i]) for i, c in enumerate(cameras)]
    frames, notes = join_frames(folder, files)
    rule = MaskRule(threshold=SMOOTH_THRESHOLD)
    return Description(tuple(cameras), frames, FILE, _CONVENTIONS, rule, notes)


LAYOUT = Layout("technicolor", "Technicolor", FILE, _recognizes, _read)


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
