"""`annots.npy`: EasyMocap's older layout, in which ZJU-MoCap and the paper's version of NHR are distributed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from training.captures.annotations import read_annotations
from training.captures.description import MAX_CAMERAS, Conventions, Description, FrameFiles, MaskRule, RawCamera
from training.captures.files import CaptureFolder, find_name, stem
from training.captures.layout import Layout, file_named
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.sources import ImageSource, is_inside
from training.captures.vertices import read_vertices

FILE = "annots.npy"

CONVENTIONS = Conventions(units_per_meter=1000)  # T in millimeters, vertices in meters

_JPEG_THRESHOLD = 100  # of the masks of the paper's NHR data; compression noise stays below

_VERTEX_FOLDERS = ("vertices", "new_vertices")

_LONG_NAME = re.compile(r"CoreView_\d+_Camera_\(\d+\)_(\d+)_")  # images of CoreView_313 and 315


def _read(folder: CaptureFolder, meta: CaptureMeta, _: str) -> Description:
    annotations = Annotations(folder.root / FILE, read_annotations(folder.root / FILE))
    files = annotations.image_files()
    masks = mask_folder(folder, meta)
    rule = MaskRule(face_labels=(2, 10, 13)) if masks == "schp" else MaskRule()
    if masks is not None and _is_jpeg(_mask_name(folder, masks, files[0][0])):
        rule = replace(rule, threshold=_JPEG_THRESHOLD)
    vertices = next((name for name in _VERTEX_FOLDERS if folder.has_folder(name)), None)
    frames = tuple(
        FrameFiles(
            stem(names[0]),
            tuple(folder.image(name) for name in names),
            None if masks is None else _masks(folder, masks, names),
            None if vertices is None else _vertex_reader(folder.folder(vertices), names[0]),
        )
        for names in files
    )
    return Description(annotations.cameras(files[0]), frames, FILE, CONVENTIONS, rule)


LAYOUT = Layout("annots", f"EasyMocap's {FILE}, ZJU-MoCap, NHR of the paper", FILE, file_named(FILE), _read)


def _vertex_reader(folder: Path, image: str) -> Callable[[], NDArray[np.float32]]:
    match = _LONG_NAME.match(stem(image))
    name = match[1] if match else stem(image)
    return lambda: np.array(read_vertices(folder, name), dtype=np.float32)


def _masks(folder: CaptureFolder, masks: str, images: list[str]) -> tuple[ImageSource, ...]:
    return tuple(folder.image(_mask_name(folder, masks, name)) for name in images)


def _mask_name(folder: CaptureFolder, masks: str, image: str) -> str:
    """Return the mask of an image: at the same relative path in the folder of masks, as PNG or with the image's own ending."""
    parts = PurePosixPath(image).parts
    same = PurePosixPath(masks, *(parts[1:] if parts[0] == "images" else parts))
    png = str(same.with_suffix(".png"))
    return find_name(folder, [png, str(same)]) or png


def _is_jpeg(name: str) -> bool:
    return name.lower().endswith((".jpg", ".jpeg"))


class Annotations:
    """The content of `annots.npy`, checked when it is read out."""

    def __init__(self, path: Path, content: Any) -> None:
        self.path = path
        if not isinstance(content, dict) or not isinstance(content.get("cams"), dict) or "ims" not in content:
            raise InputError(path, "must contain a dict with cams and ims")
        self.cams, self.ims = content["cams"], content["ims"]
        missing = [name for name in ("K", "D", "R", "T") if name not in self.cams]
        if missing:
            raise InputError(path, f"cams has no {missing[0]}")
        lengths = {_length(self.cams[name]) for name in ("K", "D", "R", "T")}
        if len(lengths) != 1 or not 1 <= min(lengths) <= MAX_CAMERAS:
            raise InputError(path, "cams must have K, D, R and T for every camera")
        self.num_cameras = lengths.pop()

    def image_files(self) -> list[list[str]]:
        """Return the relative path of each frame's image of each camera."""
        if _length(self.ims) < 1:
            raise InputError(self.path, "ims has no frames")
        return [self._frame_files(index, frame) for index, frame in enumerate(self.ims)]

    def _frame_files(self, index: int, frame: Any) -> list[str]:
        names: Any = frame.get("ims") if isinstance(frame, dict) else None
        if _length(names) != self.num_cameras:
            raise InputError(self.path, f"frame {index} must have {self.num_cameras} images")
        files = [str(name).replace("\\", "/") for name in names]
        if not all(is_inside(name) for name in files):
            raise InputError(self.path, f"frame {index} has an image outside the capture")
        return files

    def cameras(self, images: list[str]) -> tuple[RawCamera, ...]:
        """Return the cameras. They are named like the folders of their images, if these differ."""
        names = [str(PurePosixPath(image).parent.name) for image in images]
        unique = len(set(names)) == len(names) and all(names)
        return tuple(self._camera(index, names[index] if unique else str(index)) for index in range(self.num_cameras))

    def _camera(self, index: int, name: str) -> RawCamera:
        K, D, R, T = (self._matrix(key, index) for key in ("K", "D", "R", "T"))
        if K.size != 9 or R.size != 9 or T.size != 3 or D.size not in (4, 5, 8, 12, 14):
            raise InputError(self.path, f"camera {index} must have 3x3 K and R, 3 numbers in T, 4 or 5 in D")
        return RawCamera(name, K.reshape(3, 3), D.reshape(-1), R.reshape(3, 3), T.reshape(3))

    def _matrix(self, name: str, index: int) -> NDArray[np.float64]:
        try:
            values = np.asarray(self.cams[name][index], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(self.path, f"{name} of camera {index} is not an array of numbers") from error
        if not np.isfinite(values).all():
            raise InputError(self.path, f"{name} of camera {index} must be finite")
        return values


def _length(value: object) -> int:
    if isinstance(value, np.ndarray):
        return len(value) if value.ndim > 0 else 0
    return len(value) if isinstance(value, list | tuple) else 0
