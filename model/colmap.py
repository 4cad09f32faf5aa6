"""COLMAP's sparse models: the cameras of `cameras.txt` or `.bin` and the images of `images.txt` or `.bin`, as they are written.

COLMAP's poses and axes are ours: world to camera, x right, y down, z forward, pixel centers at +0.5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ERRORS = (ValueError, IndexError, OverflowError, struct.error)
"""What the functions here raise for damaged content."""

MAX_IMAGES = 1_000_000
"""Maximum number of cameras or images of a model."""

_PARAMETERS = {  # names of the parameters by the model's number and name
    (0, "SIMPLE_PINHOLE"): "f cx cy",
    (1, "PINHOLE"): "fx fy cx cy",
    (2, "SIMPLE_RADIAL"): "f cx cy k1",
    (3, "RADIAL"): "f cx cy k1 k2",
    (4, "OPENCV"): "fx fy cx cy k1 k2 p1 p2",
    (5, "OPENCV_FISHEYE"): "fx fy cx cy k1 k2 k3 k4",
    (6, "FULL_OPENCV"): "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
    (8, "SIMPLE_RADIAL_FISHEYE"): "f cx cy k1",
    (9, "RADIAL_FISHEYE"): "f cx cy k1 k2",
}


@dataclass(frozen=True)
class ColmapLens:
    """A camera of `cameras.txt` or `cameras.bin`."""

    model: str
    """COLMAP's name of the model of the lens, such as PINHOLE."""
    width: int
    """Width of the images in pixels."""
    height: int
    """Height of the images in pixels."""
    focal: tuple[float, float]
    """Focal lengths fx and fy in pixels."""
    center: tuple[float, float]
    """Principal point cx and cy in pixels."""
    distortion: tuple[float, ...]
    """OpenCV's coefficients: k1, k2, k3, k4 of a fisheye, otherwise k1, k2, p1, p2, k3, k4, k5, k6."""

    @property
    def fisheye(self) -> bool:
        """Whether the coefficients are those of OpenCV's fisheye model."""
        return self.model.endswith("FISHEYE")


@dataclass(frozen=True)
class ColmapImage:
    """An image of `images.txt` or `images.bin`."""

    name: str
    """Name of the image file."""
    lens: int
    """Number of its camera."""
    quaternion: tuple[float, ...]
    """Rotation from world to camera: w, x, y, z."""
    translation: tuple[float, ...]
    """Translation from world to camera: x, y, z."""


def read_lenses(content: bytes, binary: bool) -> dict[int, ColmapLens]:
    """Return the cameras of the content of `cameras.bin` (binary) or `cameras.txt` by their numbers.

    Raises:
        ValueError: the content is damaged, or a model of a lens is not supported; see also the other `ERRORS`.
    """
    return _binary_lenses(content) if binary else _text_lenses(content)


def read_images(content: bytes, binary: bool) -> list[ColmapImage]:
    """Return the images of the content of `images.bin` (binary) or `images.txt`; raises as `read_lenses` does."""
    return _binary_images(content) if binary else _text_images(content)


def _model(model: int | str) -> tuple[str, list[str]]:
    for key, names in _PARAMETERS.items():
        if model in key:
            return key[1], names.split()
    raise ValueError(f"camera model {str(model)[:40]} is not supported, use colmap image_undistorter")


def _lens(model: int | str, width: int, height: int, values: tuple[float, ...]) -> ColmapLens:
    name, names = _model(model)
    if len(values) != len(names):
        raise ValueError(f"{name} has {len(names)} parameters")
    p = dict(zip(names, values, strict=True))
    order = "k1 k2 k3 k4" if name.endswith("FISHEYE") else "k1 k2 p1 p2 k3 k4 k5 k6"
    distortion = tuple(p.get(coefficient, 0.0) for coefficient in order.split())
    return ColmapLens(name, width, height, (values[0], p.get("fy", values[0])), (p["cx"], p["cy"]), distortion)


def _lines(content: bytes) -> list[str]:
    lines = [line for line in content.decode("utf-8-sig", "replace").splitlines() if not line.startswith("#")]
    if len(lines) > 2 * MAX_IMAGES:
        raise ValueError(f"more than {MAX_IMAGES:,} entries")
    return lines


def _text_lenses(content: bytes) -> dict[int, ColmapLens]:
    lenses = {}
    for line in filter(str.strip, _lines(content)):
        identifier, model, width, height, *values = line.split()
        lenses[int(identifier)] = _lens(model, int(float(width)), int(float(height)), tuple(map(float, values)))
    return lenses


def _text_images(content: bytes) -> list[ColmapImage]:
    """Read the first of each image's two lines; the second, with the points that it sees, may be empty."""
    lines = _lines(content)
    images = []
    start = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    for line in filter(str.strip, lines[start::2]):
        words = line.split(None, 9)
        values = tuple(map(float, words[1:8]))
        images.append(ColmapImage(words[9].strip(), int(words[8]), values[:4], values[4:]))
    return images


def _binary_lenses(content: bytes) -> dict[int, ColmapLens]:
    lenses, place = {}, 8
    for _ in range(_count(content)):
        identifier, model, width, height = struct.unpack_from("<iiQQ", content, place)
        count = len(_model(model)[1])
        lenses[identifier] = _lens(model, width, height, struct.unpack_from(f"<{count}d", content, place + 24))
        place += 24 + 8 * count
    return lenses


def _binary_images(content: bytes) -> list[ColmapImage]:
    images, place = [], 8
    for _ in range(_count(content)):
        _, *pose, lens = struct.unpack_from("<i7di", content, place)
        end = content.index(b"\0", place + 64, place + 64 + 4096)
        (points,) = struct.unpack_from("<Q", content, end + 1)
        name = content[place + 64 : end].decode("utf-8", "replace")
        images.append(ColmapImage(name, lens, tuple(pose[:4]), tuple(pose[4:])))
        place = end + 9 + 24 * points
        if place > len(content):
            raise ValueError("the list of images is cut off")
    return images


def _count(content: bytes) -> int:
    (count,) = struct.unpack_from("<Q", content)
    if count > min(MAX_IMAGES, len(content) // 24):
        raise ValueError("the list is cut off")
    return int(count)
