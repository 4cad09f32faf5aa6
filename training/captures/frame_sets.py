"""Combine the files of several cameras into frames, by the numbers in their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from training.captures.description import (
    MAX_CAMERAS,
    SMOOTH_THRESHOLD,
    Array,
    Conventions,
    Description,
    FrameFiles,
    MaskRule,
    RawCamera,
)
from training.captures.files import CaptureFolder, is_video, stem
from training.captures.sources import ImageSource

Key = int | str
"""Number of a frame, or the name of its files if they have no number."""

Vertices = Callable[[], NDArray[np.float32]]

_EXTRACT = "extract the videos into images first, for instance with ffmpeg -i cam01.mp4 images/cam01/%06d.png"


@dataclass(frozen=True)
class CameraFiles:
    """The files of one camera."""

    name: str
    """The camera's name."""
    images: Mapping[Key, str | ImageSource]
    """Image of each frame, or its relative path."""
    masks: Mapping[Key, str | ImageSource] | None = None
    """Mask of each frame, or its relative path; None if the capture has no masks."""


def numbered(names: Iterable[str], path: str = "") -> dict[Key, str]:
    """Return files by the number in their names that differs from file to file, or by name if there is none.

    Args:
        names: file names.
        path: relative path of their folder; it is put before the names.
    """
    files = list(names)
    prefix = f"{path}/" if path else ""
    digits = [re.findall(r"\d+", stem(name)) for name in files]
    for position in range(-1, -1 - min(map(len, digits), default=0), -1):
        keys = [int(numbers[position][:18]) for numbers in digits]
        if len(set(keys)) == len(keys):
            return {key: prefix + name for key, name in zip(keys, files, strict=True)}
    return {stem(name): prefix + name for name in files}


def images_in(folder: CaptureFolder, path: str) -> dict[Key, str]:
    """Return the images in a folder by their numbers; raises as `CaptureFolder.names` does."""
    return numbered(folder.images(path), path)


def camera_folder(folder: CaptureFolder, name: str, parents: Iterable[str]) -> str:
    """Return the folder with a camera's images.

    Args:
        folder: the capture.
        name: of the camera.
        parents: folders to search in; "" is the capture itself.

    Raises:
        InputError: none of the folders exists.
    """
    places = [f"{parent}/{name}" if parent else name for parent in parents]
    found = next((place for place in places if folder.has_folder(place)), None)
    if found is None:
        raise InputError(folder.root, f"has no images of camera {name} (looked for {', '.join(places)})", video_remedy(folder))
    return found


def video_remedy(folder: CaptureFolder) -> str:
    """Return what to do if a capture has videos instead of images, or nothing."""
    names = folder.names() + (folder.names("videos") if folder.has_folder("videos") else [])
    return _EXTRACT if any(is_video(name) for name in names) else ""


def join_frames(
    folder: CaptureFolder,
    cameras: list[CameraFiles],
    vertices: dict[Key, Vertices] | None = None,
    boxes: dict[Key, Array] | None = None,
) -> tuple[tuple[FrameFiles, ...], tuple[str, ...]]:
    """Return the frames that every camera has, and notes about those that were left out.

    Args:
        folder: the capture.
        cameras: their files, in the order of the cameras.
        vertices: reads the vertices of a frame.
        boxes: box of the subject in a frame.

    Raises:
        InputError: the cameras have no frame in common.
    """
    has_masks = any(camera.masks for camera in cameras)
    present = [set(camera.images) & (set(camera.masks or ()) if has_masks else set(camera.images)) for camera in cameras]
    common = set.intersection(*present) if present else set()
    every = set().union(*(camera.images for camera in cameras))
    if not common:
        raise InputError(folder.root, _nothing_in_common(cameras, has_masks), video_remedy(folder))
    keys = sorted(common, key=lambda key: (isinstance(key, str), key))
    frames = tuple(
        FrameFiles(
            str(key),
            tuple(_image(folder, camera.images[key]) for camera in cameras),
            tuple(_image(folder, (camera.masks or {})[key]) for camera in cameras) if has_masks else None,
            None if vertices is None else vertices.get(key),
            None if boxes is None else boxes.get(key),
        )
        for key in keys
    )
    lost = len(every) - len(common)
    poorest = cameras[min(range(len(cameras)), key=lambda index: len(present[index]))]
    what = "images and masks" if has_masks else "images"
    notes = (f"{lost} of {len(every)} frames are left out, because not all cameras have {what}: see {poorest.name}",)
    return frames, notes if lost else ()


def describe(
    folder: CaptureFolder,
    file: str,
    cameras: Sequence[RawCamera],
    files: list[CameraFiles],
    conventions: Conventions = Conventions(),
    rule: MaskRule = MaskRule(threshold=SMOOTH_THRESHOLD),
    vertices: dict[Key, Vertices] | None = None,
    boxes: dict[Key, Array] | None = None,
) -> Description:
    """Describe a capture whose frames are those that every camera has.

    Args:
        folder: the capture.
        file: name of the file with the cameras.
        cameras: the cameras.
        files: their files, in the same order.
        conventions: what the numbers mean.
        rule: which pixels of a mask are the subject.
        vertices: reads the vertices of a frame.
        boxes: box of the subject in a frame.

    Raises:
        InputError: there are no cameras, too many, or several of one name, or they have no frame in common.
    """
    if not 1 <= len(cameras) <= MAX_CAMERAS or len({camera.name for camera in cameras}) != len(cameras):
        raise InputError(folder.root / file, f"must have 1 to {MAX_CAMERAS} cameras with different names")
    frames, notes = join_frames(folder, files, vertices, boxes)
    return Description(tuple(cameras), frames, file, conventions, rule, notes)


def _image(folder: CaptureFolder, image: str | ImageSource) -> ImageSource:
    return folder.image(image) if isinstance(image, str) else image


def _nothing_in_common(cameras: list[CameraFiles], has_masks: bool) -> str:
    empty = next((camera.name for camera in cameras if not camera.images), None)
    if empty is not None:
        return f"has no images of camera {empty}"
    unmasked = next((camera.name for camera in cameras if not camera.masks), None) if has_masks else None
    if unmasked is not None:
        return f"has no masks of camera {unmasked}"
    return "has no frame for which all cameras have an image" + (" and a mask" if has_masks else "")


def masks_like(folder: CaptureFolder, masks: str | None, images: str) -> dict[Key, str] | None:
    """Return the masks of a camera.

    Args:
        folder: the capture.
        masks: the folder of masks, or None.
        images: the folder with the camera's images. Its masks are in the folder of the same name.
    """
    if masks is None:
        return None
    relative = images.split("/", 1)[1] if "/" in images else images
    place = f"{masks}/{relative}"
    return images_in(folder, place) if folder.has_folder(place) else {}
