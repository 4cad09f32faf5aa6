"""Camera paths from COLMAP's sparse models: `images.txt` or `images.bin`, with `cameras.txt` or `cameras.bin` next to it.

COLMAP's poses and axes are ours: world to camera, x right, y down, z forward, pixel centers at +0.5. The views are visited in
the order of their images' names, numbers by value. The distortion of lenses is left out: a path is seen through a pinhole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from common.documents import read_limited
from common.errors import InputError
from model.camera import Camera
from model.camera_conventions import from_colmap
from model.colmap import ERRORS, ColmapLens, read_images, read_lenses

T = TypeVar("T")

MAX_FILE_BYTES = 1 << 30
"""Largest file that is read. The points that the images see take most of `images.bin`."""

MAX_VIEWS = 100_000
"""Largest number of images of a model."""


def is_colmap(path: Path) -> bool:
    """Return whether a file has the name of a list of COLMAP's images."""
    return path.name.lower() in ("images.txt", "images.bin")


def colmap_cameras(path: Path) -> list[Camera]:
    """Read the cameras of `images.txt` or `images.bin`; arguments and errors are those of `colmap_views`."""
    return [camera for _, camera in colmap_views(path)]


def colmap_views(path: Path) -> list[tuple[str, Camera]]:
    """Read the name and the camera of every image of `images.txt` or `images.bin`, in the order of the names.

    Raises:
        InputError: the file or that of the cameras is missing, damaged or too large, or has a lens that is not a pinhole.
    """
    lenses = _parsed(_cameras_file(path), _pinholes)
    images = _parsed(path, read_images)
    if len(images) > MAX_VIEWS:
        raise InputError(path, f"has more than {MAX_VIEWS:,} views")
    if not images:
        raise InputError(path, "has no views")
    views = []
    for image in sorted(images, key=lambda image: _order(image.name)):
        if image.lens not in lenses:
            raise InputError(path, f"image {image.name[:80]} has no camera {image.lens} in the file of the cameras")
        try:
            lens = lenses[image.lens]
            pose = image.quaternion, image.translation
            views.append((image.name, from_colmap(lens.width, lens.height, lens.focal, lens.center, *pose)))
        except (InputError, ValueError) as error:
            raise InputError(path, f"image {image.name[:80]}: {error}") from error
    return views


def _order(name: str) -> list[str | int]:
    parts = re.split(r"([0-9]{1,18})", name)  # texts and numbers alternate, so equal places have equal types
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _cameras_file(path: Path) -> Path:
    for suffix in (path.suffix.lower(), ".bin", ".txt"):
        if (found := path.with_name(f"cameras{suffix}")).is_file():
            return found
    raise InputError(path, "needs COLMAP's cameras.txt or cameras.bin next to it", "copy it into the same folder")


def _parsed(path: Path, parse: Callable[[bytes, bool], T]) -> T:
    try:
        return parse(read_limited(path, MAX_FILE_BYTES), path.suffix.lower() == ".bin")
    except ERRORS as error:
        detail = " ".join(str(error).split())[:120]
        raise InputError(path, f"is not a list of COLMAP ({detail})") from error


def _pinholes(content: bytes, binary: bool) -> dict[int, ColmapLens]:
    lenses = read_lenses(content, binary)
    for lens in lenses.values():
        if lens.fisheye:
            raise ValueError(f"camera model {lens.model} is not supported, use colmap image_undistorter")
    return lenses
