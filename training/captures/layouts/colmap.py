"""COLMAP's sparse models, as text or binary, for cameras that do not move.

Either each image of the model is a camera, with its frames in a folder of its name, or each folder of images is a camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from model.colmap import ColmapImage, ColmapLens, read_images, read_lenses
from training.captures.description import MAX_CAMERAS, Array, Conventions, Description, RawCamera
from training.captures.files import CaptureFolder, find_name, stem
from training.captures.frame_sets import CameraFiles, Key, describe, images_in, numbered
from training.captures.layout import Layout
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, matrix, parsing, rotation_of_quaternion, size_of
from training.captures.sources import is_inside

_MODELS = ("sparse/0", "sparse", "colmap/sparse/0", "0", "")

_CONVENTIONS = Conventions(pixel_center=0.5)

_MAX_BYTES = 1 << 30  # of the list of images: observations of points take most of it

_SAME_POSE = 1e-3  # rotation and relative translation of images of one camera that does not move


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
    binary = model[0].endswith("bin")
    with parsing(folder.root / model[0], "a list of COLMAP's cameras"):
        lenses = read_lenses(folder.data(model[0]), binary)
    with parsing(folder.root / model[1], "a list of COLMAP's images"):
        images = [_posed(image) for image in read_images(folder.data(model[1], _MAX_BYTES), binary)]
        for image in images:
            if image.lens not in lenses:
                raise ValueError(f"image {image.name} has no camera {image.lens}")
    groups = _groups(folder, images, model[1])
    masks = mask_folder(folder, meta, ("masks", "mask"))
    with parsing(folder.root / model[0], "a list of COLMAP's cameras"):
        cameras = [_camera(name, group[0], lenses[group[0].lens]) for name, group in groups.items()]
    files = [_files(folder, name, group, masks) for name, group in groups.items()]
    return describe(folder, model[1], cameras, files, _CONVENTIONS)


LAYOUT = Layout("colmap", "COLMAP", "sparse/0/cameras.bin or .txt", _model, _read)


def _posed(image: ColmapImage) -> _Image:
    return _Image(image.name, image.lens, rotation_of_quaternion(image.quaternion), matrix(image.translation, 3))


def _camera(name: str, image: _Image, lens: ColmapLens) -> RawCamera:
    K = intrinsic_matrix(*lens.focal, *lens.center)
    D = matrix(lens.distortion, len(lens.distortion))
    return RawCamera(name, K, D, image.R, image.T, size_of(lens.width, lens.height), lens.fisheye)


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
