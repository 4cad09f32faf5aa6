"""Camera paths from COLMAP's sparse models: `images.txt` or `images.bin`, with `cameras.txt` or `cameras.bin` next to it.

COLMAP's poses and axes are ours: world to camera, x right, y down, z forward, pixel centers at +0.5. The views are visited in
the order of their images' names, numbers by value. The distortion of lenses is left out: a path is seen through a pinhole.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from common.documents import read_limited
from common.errors import InputError
from model.camera import Camera
from model.rotation import matrix_from_quaternion

T = TypeVar("T")

MAX_FILE_BYTES = 1 << 30
"""Largest file that is read. The points that the images see take most of `images.bin`."""

MAX_VIEWS = 100_000
"""Largest number of images of a model."""

_FOCAL_LENGTHS = {  # how many focal lengths come first, and how many parameters there are, by the model's number and name
    (0, "SIMPLE_PINHOLE"): (1, 3),
    (1, "PINHOLE"): (2, 4),
    (2, "SIMPLE_RADIAL"): (1, 4),
    (3, "RADIAL"): (1, 5),
    (4, "OPENCV"): (2, 8),
    (6, "FULL_OPENCV"): (2, 12),
}


@dataclass(frozen=True)
class _Image:
    name: str
    lens: int
    quaternion: tuple[float, ...]  # w, x, y, z
    translation: tuple[float, ...]


@dataclass(frozen=True)
class _Lens:
    width: int
    height: int
    focal: tuple[float, float]
    center: tuple[float, float]


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
    lenses = _lenses(_cameras_file(path))
    images = _parsed(path, _text_images if path.suffix.lower() == ".txt" else _binary_images)
    if not images:
        raise InputError(path, "has no views")
    views = []
    for image in sorted(images, key=lambda image: _order(image.name)):
        if image.lens not in lenses:
            raise InputError(path, f"image {image.name[:80]} has no camera {image.lens} in the file of the cameras")
        try:
            views.append((image.name, _camera(image, lenses[image.lens])))
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


def _lenses(path: Path) -> dict[int, _Lens]:
    return dict(_parsed(path, _text_lenses if path.suffix == ".txt" else _binary_lenses))


def _parsed(path: Path, parse: Callable[[bytes], Iterator[T]]) -> list[T]:
    try:
        found: list[T] = []
        for item in parse(read_limited(path, MAX_FILE_BYTES)):
            found.append(item)
            if len(found) > MAX_VIEWS:
                raise InputError(path, f"has more than {MAX_VIEWS:,} entries")
        return found
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        detail = " ".join(str(error).split())[:120]
        raise InputError(path, f"is not a list of COLMAP ({detail})") from error


def _camera(image: _Image, lens: _Lens) -> Camera:
    K = np.array([[lens.focal[0], 0, lens.center[0]], [0, lens.focal[1], lens.center[1]], [0, 0, 1.0]])
    return Camera(lens.width, lens.height, K, matrix_from_quaternion(image.quaternion), np.array(image.translation))


def _lens(model: int | str, width: int, height: int, values: list[float]) -> _Lens:
    counts = next((counts for key, counts in _FOCAL_LENGTHS.items() if model in key), None)
    if counts is None:
        raise ValueError(f"camera model {str(model)[:40]} is not supported, use colmap image_undistorter")
    if len(values) < counts[1]:
        raise ValueError(f"a camera of model {model} has {counts[1]} parameters")
    focal = (values[0], values[counts[0] - 1])
    return _Lens(width, height, focal, (values[counts[0]], values[counts[0] + 1]))


def _lines(content: bytes) -> list[str]:
    return [line for line in content.decode("utf-8-sig", "replace").splitlines() if not line.startswith("#")]


def _text_lenses(content: bytes) -> Iterator[tuple[int, _Lens]]:
    for line in _lines(content):
        if line.strip():
            identifier, model, width, height, *values = line.split()
            yield int(identifier), _lens(model, int(width), int(height), [float(value) for value in values])


def _text_images(content: bytes) -> Iterator[_Image]:
    """Read the first of each image's two lines; the second, with the points that it sees, may be empty."""
    lines = _lines(content)
    start = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    for line in lines[start::2]:
        if line.strip():
            words = line.split(None, 9)
            values = tuple(float(word) for word in words[1:8])
            yield _Image(words[9].strip(), int(words[8]), values[:4], values[4:])


def _binary_lenses(content: bytes) -> Iterator[tuple[int, _Lens]]:
    (count,) = struct.unpack_from("<Q", content)
    place = 8
    for _ in range(count):
        identifier, model, width, height = struct.unpack_from("<iiQQ", content, place)
        parameters = next((counts[1] for key, counts in _FOCAL_LENGTHS.items() if model in key), 0)
        yield identifier, _lens(model, width, height, list(struct.unpack_from(f"<{parameters}d", content, place + 24)))
        place += 24 + 8 * parameters


def _binary_images(content: bytes) -> Iterator[_Image]:
    (count,) = struct.unpack_from("<Q", content)
    place = 8
    for _ in range(count):
        _, *pose, lens = struct.unpack_from("<i7di", content, place)
        end = content.index(b"\0", place + 64, place + 64 + 4096)
        (points,) = struct.unpack_from("<Q", content, end + 1)
        yield _Image(content[place + 64 : end].decode("utf-8", "replace"), lens, tuple(pose[:4]), tuple(pose[4:]))
        place = end + 9 + 24 * points
