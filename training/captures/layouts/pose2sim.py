"""Pose2Sim's calibration, `Calib*.toml`, with a folder of images per camera."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from common.errors import InputError
from training.captures.camera_files import camera_files
from training.captures.description import MAX_CAMERAS, SMOOTH_THRESHOLD, Conventions, Description, MaskRule, RawCamera
from training.captures.files import CaptureFolder
from training.captures.frame_sets import join_frames
from training.captures.layout import Layout
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import matrix, parsing, rotation_of_vector, size_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PLACES = ("", "calibration", "Calibration")

_MAX_BYTES = 1 << 20


def _file(folder: CaptureFolder) -> str | None:
    for place in _PLACES:
        names = folder.names(place) if not place or folder.has_folder(place) else []
        found = [name for name in names if name.startswith("Calib") and name.endswith(".toml")]
        if found:
            return f"{place}/{found[0]}".lstrip("/")
    return None


def _recognizes(folder: CaptureFolder) -> bool:
    return _file(folder) is not None


def _read(folder: CaptureFolder, meta: CaptureMeta) -> Description:
    file = _file(folder)
    if file is None:
        raise InputError(folder.root, "has no Calib*.toml", "it may be in the folder or in calibration/")
    with parsing(folder.root / file, "a calibration of Pose2Sim"):
        content = tomllib.loads(folder.text(file, _MAX_BYTES))
        sections = [(key, value) for key, value in content.items() if isinstance(value, dict) and "matrix" in value]
        cameras = [_camera(key, section) for key, section in sections]
    if not 1 <= len(cameras) <= MAX_CAMERAS or len({camera.name for camera in cameras}) != len(cameras):
        raise InputError(folder.root / file, f"must have 1 to {MAX_CAMERAS} cameras of different names")
    return described(folder, meta, cameras, file, Conventions())


LAYOUT = Layout("pose2sim", "Pose2Sim", "Calib*.toml", _recognizes, _read)


def described(
    folder: CaptureFolder, meta: CaptureMeta, cameras: list[RawCamera], file: str, conventions: Conventions
) -> Description:
    """Describe a capture with images/NAME, videos/NAME or NAME, which are folders or videos, and masks in masks/NAME."""
    masks = mask_folder(folder, meta, ("masks", "mask"))
    names = [camera.name for camera in cameras]
    files, fps = camera_files(folder, meta, names, masks, ("images", "videos", ""), ("videos", ""))
    frames, notes = join_frames(folder, files)
    rule = MaskRule(threshold=SMOOTH_THRESHOLD)
    return Description(tuple(cameras), frames, file, replace(conventions, fps=fps or conventions.fps), rule, notes)


def _camera(key: str, section: dict[str, Any]) -> RawCamera:
    fisheye = section.get("fisheye") is True
    D = matrix(section["distortions"], len(section["distortions"]))
    K, R, T = matrix(section["matrix"], 3, 3), rotation_of_vector(section["rotation"]), matrix(section["translation"], 3)
    return RawCamera(str(section.get("name", key)), K, D, R, T, size_of(*section["size"]), fisheye)
