"""NHR's data as its authors distribute it: a folder per frame, `CamPose.inf`, `Intrinsic.inf`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from training.captures.description import (
    MAX_CAMERAS,
    MAX_FRAMES,
    Array,
    Conventions,
    Description,
    RawCamera,
)
from training.captures.files import CaptureFolder
from training.captures.frame_sets import CameraFiles, Key, describe, images_in
from training.captures.layout import Layout
from training.captures.meta import CaptureMeta
from training.captures.parsing import numbers_in, parsing
from training.captures.vertices import read_vertices

POSES, INTRINSICS = "CamPose.inf", "Intrinsic.inf"

_CONVENTIONS = Conventions(pose="camera_to_world")


def _find(folder: CaptureFolder) -> str | None:
    return POSES if folder.has_file(POSES) and folder.has_file(INTRINSICS) else None


def _read(folder: CaptureFolder, meta: CaptureMeta, _: str) -> Description:
    with parsing(folder.root / POSES, "a list of poses"):
        poses = [numbers_in(line, 12).reshape(4, 3) for line in folder.text(POSES).splitlines() if line.strip()]
    with parsing(folder.root / INTRINSICS, "a list of intrinsic matrices"):
        matrices = _intrinsics(folder.text(INTRINSICS))
    if not 1 <= len(poses) == len(matrices) <= MAX_CAMERAS:
        raise InputError(folder.root / POSES, f"has {len(poses)} cameras, but {INTRINSICS} has {len(matrices)}")
    cameras = [
        # The columns of [R T] are stored in the order 3, 1, 2, 4.
        RawCamera(str(index), K, np.zeros(5), np.stack([pose[1], pose[2], pose[0]], axis=1), pose[3])
        for index, (K, pose) in enumerate(zip(matrices, poses, strict=True))
    ]
    return describe(folder, POSES, cameras, _files(folder, len(cameras), meta), _CONVENTIONS, vertices=_vertices(folder))


LAYOUT = Layout("nhr", "NHR as distributed", f"{POSES} and {INTRINSICS}", _find, _read)


def _intrinsics(text: str) -> list[Array]:
    rows = [numbers_in(line) for line in text.splitlines() if line.strip()]
    if len(rows) % 4 or any(len(row) != (1 if index % 4 == 0 else 3) for index, row in enumerate(rows)):
        raise ValueError("each camera must have its number and three rows of three numbers")
    return [np.stack(rows[start + 1 : start + 4]) for start in range(0, len(rows), 4)]


def _files(folder: CaptureFolder, cameras: int, meta: CaptureMeta) -> list[CameraFiles]:
    images: list[dict[Key, str]] = [{} for _ in range(cameras)]
    masks: list[dict[Key, str]] = [{} for _ in range(cameras)]
    numbers = [name for name in folder.folders("img") if name.isascii() and name.isdigit()]
    for name in numbers[: MAX_FRAMES + 1]:
        place = f"img/{name}"
        mask_place = f"{place}/{meta.masks or 'mask'}"
        found = [(images, images_in(folder, place))]
        if meta.masks not in ("alpha", "none") and folder.has_folder(mask_place):
            found.append((masks, images_in(folder, mask_place)))
        for target, files in found:
            for camera, file in files.items():
                if isinstance(camera, int) and camera < cameras:
                    target[camera][int(name)] = file
    has_masks = any(masks)
    return [CameraFiles(str(c), images[c], masks[c] if has_masks else None) for c in range(cameras)]


def _vertices(folder: CaptureFolder) -> dict[Key, Callable[[], NDArray[np.float32]]] | None:
    """Return the readers of the point clouds, whose numbers start from 1 where frames start from 0."""
    if not folder.has_folder("pointclouds"):
        return None
    path = folder.folder("pointclouds")
    names = [name.removesuffix(".npy") for name in folder.names("pointclouds") if name.endswith(".npy")]
    numbers = {int(name[5:]) - 1: name for name in names if name.startswith("frame") and name[5:].isdigit()}
    return {frame: _point_reader(path, name) for frame, name in numbers.items()}


def _point_reader(path: Path, name: str) -> Callable[[], NDArray[np.float32]]:
    return lambda: np.array(read_vertices(path, name, columns=6)[:, :3], dtype=np.float32)
