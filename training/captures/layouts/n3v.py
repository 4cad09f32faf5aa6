"""`poses_bounds.npy`: the Neural 3D Video data set and other captures with poses in LLFF's form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from common.errors import InputError
from training.captures.camera_files import camera_files
from training.captures.description import MAX_CAMERAS, Array, Conventions, Description, RawCamera
from training.captures.files import CaptureFolder, is_video, stem
from training.captures.frame_sets import CameraFiles, describe, images_in, masks_like
from training.captures.layout import Layout, file_named
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import array_of, intrinsic_matrix, matrix, parsing, size_of

FILE = "poses_bounds.npy"

_CONVENTIONS = Conventions(pose="camera_to_world", pixel_center=0.5)

_NOT_CAMERAS = ("images", "frames", "masks", "mask", "sparse", "colmap", "videos")


def _read(folder: CaptureFolder, meta: CaptureMeta, _: str) -> Description:
    rows = _rows(folder)
    masks = mask_folder(folder, meta, ("masks", "mask"))
    places, fps = _places(folder, meta), None
    names = [place.rsplit("/", 1)[-1] for place in places] or _videos(folder)
    if len(names) != len(rows):
        fault = f"has {len(rows)} cameras, but there are {len(names)} folders of images or videos"
        raise InputError(folder.root / FILE, fault, "each camera needs images/NAME/000000.png and so on, or NAME.mp4")
    with parsing(folder.root / FILE, "a calibration of these cameras"):
        cameras = [_camera(name, row) for name, row in zip(names, rows, strict=True)]
    if places:
        files = [_files(folder, name, place, masks) for name, place in zip(names, places, strict=True)]
    else:
        files, fps = camera_files(folder, meta, names, masks)
    return describe(folder, FILE, cameras, files, replace(_CONVENTIONS, fps=fps or _CONVENTIONS.fps))


LAYOUT = Layout("n3v", "Neural 3D Video, LLFF", FILE, file_named(FILE), _read)


def _rows(folder: CaptureFolder) -> Array:
    data = folder.data(FILE, 1 << 20)
    with parsing(folder.root / FILE, "an array of 17 numbers per camera"):
        rows = array_of(data)
        if rows.ndim != 2 or rows.shape[1] != 17 or not 1 <= len(rows) <= MAX_CAMERAS:
            raise ValueError(f"its shape is {rows.shape}")
        return matrix(rows, len(rows), 17)


def _places(folder: CaptureFolder, meta: CaptureMeta) -> list[str]:
    """Return the folders of the cameras in the order of their names, as the poses are: some numbers may be missing."""
    for parent in ("images", "frames", ""):
        if not parent or folder.has_folder(parent):
            others = () if parent else (*_NOT_CAMERAS, meta.masks)
            names = [name for name in folder.folders(parent) if name not in others]
            if names:
                return [f"{parent}/{name}".lstrip("/") for name in sorted(names)]
    return []


def _videos(folder: CaptureFolder) -> list[str]:
    place = "videos" if folder.has_folder("videos") else ""
    return sorted(stem(name) for name in folder.names(place) if is_video(name))


def _files(folder: CaptureFolder, name: str, place: str, masks: str | None) -> CameraFiles:
    images = f"{place}/images" if folder.has_folder(f"{place}/images") else place
    return CameraFiles(name, images_in(folder, images), masks_like(folder, masks, place))


def _camera(name: str, row: Array) -> RawCamera:
    pose = row[:15].reshape(3, 5)
    down, right, back, center, (height, width, focal) = pose.T
    size = size_of(width, height)
    R = np.stack([right, down, -back], axis=1)  # camera to world in OpenCV's axes
    return RawCamera(name, intrinsic_matrix(focal, focal, size[0] / 2, size[1] / 2), np.zeros(5), R, center, size)
