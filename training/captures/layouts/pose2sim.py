"""Pose2Sim's calibration, `Calib*.toml`, with a folder of images per camera."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from training.captures.camera_files import camera_files
from training.captures.description import Conventions, Description, RawCamera
from training.captures.files import CaptureFolder
from training.captures.frame_sets import describe
from training.captures.layout import Layout
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import matrix, parsing, rotation_of_vector, size_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLACES = ("", "calibration", "Calibration")
"""Folders that a calibration may be in."""

_MAX_BYTES = 1 << 20


def _file(folder: CaptureFolder) -> str | None:
    return folder.first_like(PLACES, "Calib", ".toml")


def _read(folder: CaptureFolder, meta: CaptureMeta, file: str) -> Description:
    with parsing(folder.root / file, "a calibration of Pose2Sim"):
        content = tomllib.loads(folder.text(file, _MAX_BYTES))
        sections = [(key, value) for key, value in content.items() if isinstance(value, dict) and "matrix" in value]
        cameras = [_camera(key, section) for key, section in sections]
    return describe_cameras(folder, meta, cameras, file, Conventions())


LAYOUT = Layout("pose2sim", "Pose2Sim", "Calib*.toml", _file, _read)


def describe_cameras(
    folder: CaptureFolder, meta: CaptureMeta, cameras: list[RawCamera], file: str, conventions: Conventions
) -> Description:
    """Describe a capture with images/NAME, videos/NAME or NAME, which are folders or videos, and masks in masks/NAME."""
    masks = mask_folder(folder, meta, ("masks", "mask"))
    names = [camera.name for camera in cameras]
    files, fps = camera_files(folder, meta, names, masks, ("images", "videos", ""), ("videos", ""))
    return describe(folder, file, cameras, files, replace(conventions, fps=fps or conventions.fps))


def _camera(key: str, section: dict[str, Any]) -> RawCamera:
    fisheye = section.get("fisheye") is True
    D = matrix(section["distortions"], len(section["distortions"]))
    K, R, T = matrix(section["matrix"], 3, 3), rotation_of_vector(section["rotation"]), matrix(section["translation"], 3)
    return RawCamera(str(section.get("name", key)), K, D, R, T, size_of(*section["size"]), fisheye)
