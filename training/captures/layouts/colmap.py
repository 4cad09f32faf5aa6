"""COLMAP's sparse models, as text or binary, for cameras that do not move.

Either each image of the model is a camera, with its frames in a folder of its name, or each folder of images is a camera.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from training.captures.description import MAX_CAMERAS, Array, Conventions, Description, RawCamera
from training.captures.files import CaptureFolder, find_name, stem
from training.captures.frame_sets import CameraFiles, Key, describe, images_in, numbered
from training.captures.layout import Layout
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, matrix, number, parsing, rotation_of_quaternion, size_of
from training.captures.sources import is_inside

_MODELS = ("sparse/0", "sparse", "colmap/sparse/0", "0", "")

_CONVENTIONS = Conventions(pixel_center=0.5)

_SAME_POSE = 1e-3  # rotation and relative translation of images of one camera that does not move

MAX_IMAGES = 1_000_000
"""Maximum number of images of a model."""

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
class _Lens:
    K: Array
    D: Array
    size: tuple[int, int]
    fisheye: bool


@dataclass(frozen=True)
class _Image:
    name: str
    lens: int
    R: Array
    T: Array


def _model(folder: CaptureFolder) -> tuple[str, str] | None:
    """Return the paths of the cameras and the images of the model, or None."""
    for place in _MODELS:
        for ending in ("bin", "txt"):
            names = [f"{place}/{name}.{ending}".lstrip("/") for name in ("cameras", "images")]
            if all(folder.has_file(name) for name in names):
                return names[0], names[1]
    return None


def _read(folder: CaptureFolder, meta: CaptureMeta, model: tuple[str, str]) -> Description:
    with parsing(folder.root / model[0], "a list of COLMAP's cameras"):
        lenses = _text_lenses(folder.text(model[0])) if model[0].endswith("txt") else _binary_lenses(folder.data(model[0]))
    limit = 1 << 30  # observations of points take most of it
    with parsing(folder.root / model[1], "a list of COLMAP's images"):
        read_images = _text_images(folder.text(model[1], limit)) if model[1].endswith("txt") else None
        images = read_images if read_images is not None else _binary_images(folder.data(model[1], limit))
        for image in images:
            if image.lens not in lenses:
                raise ValueError(f"image {image.name} has no camera {image.lens}")
    groups = _groups(folder, images, model[1])
    masks = mask_folder(folder, meta, ("masks", "mask"))
    cameras = [_camera(name, group[0], lenses[group[0].lens]) for name, group in groups.items()]
    files = [_files(folder, name, group, masks) for name, group in groups.items()]
    return describe(folder, model[1], cameras, files, _CONVENTIONS)


LAYOUT = Layout("colmap", "COLMAP", "sparse/0/cameras.bin or .txt", _model, _read)


def _camera(name: str, image: _Image, lens: _Lens) -> RawCamera:
    return RawCamera(name, lens.K, lens.D, image.R, image.T, lens.size, lens.fisheye)


def _groups(folder: CaptureFolder, images: list[_Image], file: str) -> dict[str, list[_Image]]:
    """Return the images of each camera. Images in a folder are one camera if there are several and their poses agree."""
    for image in images:
        if not is_inside(image.name):
            raise InputError(folder.root / file, "has an image outside the capture")
    ordered = sorted(images, key=lambda image: image.name)
    by_folder: dict[str, list[_Image]] = {}
    for image in ordered:
        by_folder.setdefault(image.name.rpartition("/")[0], []).append(image)
    if len(by_folder) > 1 or any(len(group) == 1 for name, group in by_folder.items() if name):
        groups = by_folder
        moving = next((name for name, group in groups.items() if not all(_agree(group[0], image) for image in group)), None)
        if moving is not None:
            remedy = "only cameras that stay in place can be read; the model must have one pose per camera"
            raise InputError(folder.root / file, f"the camera of {moving or 'images'} moves from image to image", remedy)
    else:
        groups = {image.name.rsplit(".", 1)[0]: [image] for image in ordered}
    if not 1 <= len(groups) <= MAX_CAMERAS:
        raise InputError(folder.root / file, f"must have 1 to {MAX_CAMERAS} cameras")
    short = {name.rsplit("/", 1)[-1] for name in groups}
    return {name.rsplit("/", 1)[-1]: group for name, group in groups.items()} if len(short) == len(groups) else groups


def _agree(first: _Image, second: _Image) -> bool:
    reach = max(1.0, float(np.abs(first.T).max()))
    return bool(np.abs(first.R - second.R).max() < _SAME_POSE and np.abs(first.T - second.T).max() < _SAME_POSE * reach)


def _files(folder: CaptureFolder, name: str, group: list[_Image], masks: str | None) -> CameraFiles:
    """Return the files of a camera: a folder with its name or, without such a folder, the images of the model."""
    first = group[0].name
    places = [f"images/{first.rpartition('/')[0]}"] if "/" in first else [f"images/{stem(first)}", stem(first)]
    place = next((place for place in places if folder.has_folder(place)), None)
    if place is not None:
        images = images_in(folder, place)
    else:
        found = [find_name(folder, [f"images/{image.name}", image.name]) or f"images/{image.name}" for image in group]
        images = {0: found[0]} if len(found) == 1 else numbered(found)
    return CameraFiles(name, images, None if masks is None else _masks(folder, masks, images))


def _masks(folder: CaptureFolder, masks: str, images: dict[Key, str]) -> dict[Key, str]:
    """Return the masks of images: COLMAP appends .png to the image's name; others replace its ending."""
    found = {}
    for key, image in images.items():
        relative = image.removeprefix("images/")
        candidates = [f"{masks}/{relative}.png", f"{masks}/{relative.rsplit('.', 1)[0]}.png", f"{masks}/{relative}"]
        name = find_name(folder, candidates)
        if name is not None:
            found[key] = name
    return found


def _lens(model: int | str, width: object, height: object, values: list[float]) -> _Lens:
    key = next((key for key in _PARAMETERS if model in key), None)
    if key is None:
        raise ValueError(f"camera model {model} is not supported, use colmap image_undistorter")
    names = _PARAMETERS[key].split()
    if len(values) != len(names):
        raise ValueError(f"{key[1]} has {len(names)} parameters")
    p = dict(zip(names, map(number, values), strict=True))
    K = intrinsic_matrix(p.get("fx", p.get("f")), p.get("fy", p.get("f")), p["cx"], p["cy"])
    fisheye = key[1].endswith("FISHEYE")
    order = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
    return _Lens(K, np.array([p.get(name, 0.0) for name in order]), size_of(width, height), fisheye)


def _text_lenses(text: str) -> dict[int, _Lens]:
    lenses = {}
    for line in _lines(text):
        identifier, model, width, height, *values = line.split()
        lenses[int(identifier)] = _lens(model, float(width), float(height), [float(value) for value in values])
    return lenses


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _text_images(text: str) -> list[_Image]:
    """Read the first of each image's two lines; the second, with the points it sees, may be empty."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    images = []
    start = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    for line in lines[start::2]:
        if line.strip():
            words = line.split(None, 9)
            values = [float(word) for word in words[1:8]]
            images.append(_Image(words[9].strip(), int(words[8]), rotation_of_quaternion(values[:4]), matrix(values[4:], 3)))
    return images


def _binary_lenses(data: bytes) -> dict[int, _Lens]:
    lenses, place = {}, 8
    for _ in range(_count(data)):
        identifier, model, width, height = struct.unpack_from("<iiQQ", data, place)
        names = next((names for key, names in _PARAMETERS.items() if model in key), None)
        if names is None:
            raise ValueError(f"camera model {model} is not supported, use colmap image_undistorter")
        count = len(names.split())
        values = struct.unpack_from(f"<{count}d", data, place + 24)
        lenses[identifier] = _lens(model, width, height, list(values))
        place += 24 + 8 * count
    return lenses


def _binary_images(data: bytes) -> list[_Image]:
    images, place = [], 8
    for _ in range(_count(data)):
        _, *pose, lens = struct.unpack_from("<i7di", data, place)
        end = data.index(b"\0", place + 64, place + 64 + 4096)
        name = data[place + 64 : end].decode("utf-8")
        (points,) = struct.unpack_from("<Q", data, end + 1)
        place = end + 9 + 24 * points
        if place > len(data):
            raise ValueError("the list of images is cut off")
        images.append(_Image(name, lens, rotation_of_quaternion(pose[:4]), matrix(pose[4:], 3)))
    return images


def _count(data: bytes) -> int:
    (count,) = struct.unpack_from("<Q", data, 0)
    if count > min(MAX_IMAGES, len(data) // 24):
        raise ValueError("the list is cut off")
    return int(count)
