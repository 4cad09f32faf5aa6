"""The cameras of a rig: a file with a list of cameras, each with a name for the files that are recorded from it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.documents import read_json
from common.errors import InputError
from model.camera import Camera
from viewer.camera_path.colmap import colmap_views, is_colmap
from viewer.camera_path.foreign import SceneTimes, load_any

MAX_CAMERAS = 1000
"""Largest number of cameras of a rig."""

MAX_NAME = 64
"""Longest name of a camera, bytes in UTF-8."""

_PATHS = {"keyframes", "camera_path", "path"}
_REMEDY = "write a list of cameras, as in examples/cameras.json"


@dataclass(frozen=True)
class RigCamera:
    """One camera of a rig."""

    name: str
    """Its name: letters, digits, hyphens and underscores. No two cameras of a rig share one, whatever their case."""
    camera: Camera
    """Image size, intrinsics and pose."""


def load_rig(path: Path, times: SceneTimes) -> list[RigCamera]:
    """Read the cameras of a rig.

    Args:
        path: a JSON list of cameras (CAM.json, each with an optional "name"), an object with this list under "cameras", a
            single CAM.json, or any camera path that `load_any` reads, whose views are taken for the cameras.
        times: the video; camera paths need it.

    Raises:
        InputError: the file is none of these, is damaged, has no or more than `MAX_CAMERAS` cameras, or two with one name.
    """
    return name_cameras(_listed(path, times), str(path))


def name_cameras(cameras: Iterable[tuple[str, Camera]], subject: str) -> list[RigCamera]:
    """Give every camera a name that a file can have.

    Cameras without a name are numbered. In the others, what a file name should not have becomes "_".

    Args:
        cameras: name, possibly empty, and camera.
        subject: what they are from, for messages.

    Raises:
        InputError: there are none or too many, or two have the same name.
    """
    listed = list(cameras)
    if not 1 <= len(listed) <= MAX_CAMERAS:
        raise InputError(subject, f"has {len(listed)} cameras; a rig has 1 to {MAX_CAMERAS}")
    digits = len(str(len(listed) - 1))
    rig = [RigCamera(_file_name(name) or f"{index:0{digits}d}", camera) for index, (name, camera) in enumerate(listed)]
    seen: set[str] = set()
    for camera in rig:
        if camera.name.lower() in seen:
            raise InputError(subject, f"two cameras have the name {camera.name}", "rename one of them")
        seen.add(camera.name.lower())
    return rig


def _file_name(name: str) -> str:
    letters = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", name)).strip("_")  # letters of any script
    return letters.encode(errors="ignore")[:MAX_NAME].decode(errors="ignore")


def _listed(path: Path, times: SceneTimes) -> list[tuple[str, Camera]]:
    if is_colmap(path):
        return [(_stem(name), camera) for name, camera in colmap_views(path)]
    values = read_json(path)
    if isinstance(values, dict) and "cameras" in values:
        values = values["cameras"]
        if not isinstance(values, list):
            raise InputError(path, '"cameras" must be a list of cameras', _REMEDY)
    if isinstance(values, dict) and {"K", "R", "T"} & values.keys():  # CAM.json: a rig of one camera
        values = [values]
    if isinstance(values, dict) and not _PATHS & values.keys():
        raise InputError(path, "has no cameras", _REMEDY)
    if isinstance(values, list) and not (values and isinstance(values[0], dict) and "rotation" in values[0]):
        return [_read_camera(entry, f"{path}: camera {index}") for index, entry in enumerate(values)]
    cameras = [keyframe.camera for keyframe in load_any(path, times).keyframes]
    if isinstance(values, list):  # cameras.json of 3D Gaussian Splatting names its images
        return [(_stem(str(view.get("img_name", ""))), camera) for view, camera in zip(values, cameras, strict=True)]
    return [("", camera) for camera in cameras]


def _read_camera(entry: Any, subject: str) -> tuple[str, Camera]:
    camera = Camera.from_dict(entry, subject)
    name = entry.get("name", "")
    if not isinstance(name, str):
        raise InputError(subject, "has a name that is not a text")
    return name, camera


def _stem(name: str) -> str:
    """Return the name of an image without its suffix; "front/0001.jpg" becomes "front/0001"."""
    return re.sub(r"\.(png|jpe?g|tiff?|exr|webp|bmp)$", "", name, flags=re.IGNORECASE)
