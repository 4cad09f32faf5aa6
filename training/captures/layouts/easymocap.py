"""`intri.yml` and `extri.yml`: EasyMocap, EasyVolcap, and the data distributed for them, such as ENeRF-Outdoor."""

from __future__ import annotations

from typing import Any

import numpy as np

from common.errors import InputError
from training.captures.camera_files import camera_files
from training.captures.description import MAX_CAMERAS, SMOOTH_THRESHOLD, Array, Conventions, Description, MaskRule, RawCamera
from training.captures.files import CaptureFolder
from training.captures.frame_sets import describe
from training.captures.layout import Layout
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.opencv_yaml import read_opencv_yaml
from training.captures.parsing import matrix, number, parsing, rotation_of_vector, size_of

INTRINSICS, EXTRINSICS = "intri.yml", "extri.yml"


def _find(folder: CaptureFolder) -> str | None:
    return EXTRINSICS if folder.has_file(INTRINSICS) and folder.has_file(EXTRINSICS) else None


def _read(folder: CaptureFolder, meta: CaptureMeta, _: str) -> Description:
    intrinsics, extrinsics = read_opencv_yaml(folder, INTRINSICS), read_opencv_yaml(folder, EXTRINSICS)
    names = _names(folder, intrinsics)
    cameras = []
    for name in names:
        with parsing(folder.root / INTRINSICS, f"a calibration of camera {name}"):
            K, D, fisheye = _intrinsics(intrinsics, name)
            size = _size(intrinsics, name)
        with parsing(folder.root / EXTRINSICS, f"a calibration of camera {name}"):
            R, T = _extrinsics(extrinsics, name)
        cameras.append(RawCamera(name, K, D, R, T, size, fisheye))
    masks = mask_folder(folder, meta, ("masks", "mask", "schp", "mask_cihp"))
    files, fps = camera_files(folder, meta, names, masks)
    rule = MaskRule(threshold=0 if masks in ("schp", "mask_cihp") else SMOOTH_THRESHOLD)
    return describe(folder, EXTRINSICS, cameras, files, Conventions(fps=fps or Conventions.fps), rule)


LAYOUT = Layout("easymocap", "EasyMocap, EasyVolcap", f"{INTRINSICS} and {EXTRINSICS}", _find, _read)


def _names(folder: CaptureFolder, intrinsics: dict[str, Any]) -> list[str]:
    listed = intrinsics.get("names")
    names = listed if isinstance(listed, list) else [key[2:] for key in intrinsics if key.startswith("K_")]
    texts = [str(name) for name in names]
    if not 1 <= len(texts) <= MAX_CAMERAS or len(set(texts)) != len(texts):
        raise InputError(folder.root / INTRINSICS, "must list the cameras under names, each once")
    return texts


def _data(values: dict[str, Any], key: str, *shape: int) -> Array:
    value = values[key]
    return matrix(value["data"] if isinstance(value, dict) else value, *shape)


def _intrinsics(values: dict[str, Any], name: str) -> tuple[Array, Array, bool]:
    K = _data(values, f"K_{name}", 3, 3)
    key = next((key for key in (f"D_{name}", f"dist_{name}") if key in values), None)
    D = np.zeros(5) if key is None else _coefficients(values, key)
    if f"rdist_{name}" in values and not D.any():
        return K, _data(values, f"rdist_{name}", 4), True
    return K, D, False


def _coefficients(values: dict[str, Any], key: str) -> Array:
    data = values[key]["data"]
    return matrix(data, len(data))


def _size(values: dict[str, Any], name: str) -> tuple[int, int] | None:
    width, height = values.get(f"W_{name}"), values.get(f"H_{name}")
    known = width is not None and height is not None and number(width) > 0 and number(height) > 0
    return size_of(width, height) if known else None


def _extrinsics(values: dict[str, Any], name: str) -> tuple[Array, Array]:
    T = _data(values, f"T_{name}", 3)
    if f"Rot_{name}" in values:
        return _data(values, f"Rot_{name}", 3, 3), T
    return rotation_of_vector(_data(values, f"R_{name}", 3)), T
