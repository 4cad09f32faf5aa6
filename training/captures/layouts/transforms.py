"""`transforms.json`: nerfstudio, instant-ngp and the files made for them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from common.errors import InputError
from training.captures.description import (
    MAX_FRAMES,
    SMOOTH_THRESHOLD,
    Conventions,
    Description,
    MaskRule,
    RawCamera,
)
from training.captures.files import IMAGE_SUFFIXES, CaptureFolder, find_name, is_image, stem
from training.captures.frame_sets import CameraFiles, Key, describe, numbered
from training.captures.layout import Layout, file_named
from training.captures.mask_folders import NOT_FOLDERS
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, matrix, number, parsing, read_json_file, size_of
from training.captures.sources import is_inside

FILE = "transforms.json"

_CONVENTIONS = Conventions(pose="camera_to_world", axes="opengl", pixel_center=0.5)

_LENSES = {"OPENCV": False, "PINHOLE": False, "SIMPLE_PINHOLE": False, "OPENCV_FISHEYE": True}
"""Camera models, and whether they are fisheye lenses."""


def _read(folder: CaptureFolder, meta: CaptureMeta, _: str) -> Description:
    content = read_json_file(folder, FILE)
    with parsing(folder.root / FILE, "a list of frames with their cameras"):
        entries = content["frames"]
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_FRAMES * 64:
            raise ValueError("frames must be a list that is not empty")
        groups: dict[bytes, list[dict[str, Any]]] = {}
        raws = {}
        for entry in entries:
            raw = _camera(content | entry)
            key = np.concatenate([raw.K.ravel(), raw.D, raw.R.ravel(), raw.T]).round(9).tobytes()
            groups.setdefault(key, []).append(entry)
            raws[key] = raw
        names = _names(groups)
        files = [_files(folder, names[key], group, meta, len(groups)) for key, group in groups.items()]
    if not set.intersection(*(set(camera.images) for camera in files)):
        remedy = "only cameras that stay in place can be read: images of one camera must have the same transform_matrix"
        raise InputError(folder.root / FILE, "has no frame that all cameras have", remedy)
    order = sorted(range(len(files)), key=lambda index: str(next(iter(files[index].images.values()))))
    ordered = [list(raws.values())[index] for index in order]
    cameras = [replace(raw, name=files[index].name) for index, raw in zip(order, ordered, strict=True)]
    channel = "color" if any(camera.masks for camera in files) and not _in_alpha(files) else "alpha"
    rule = MaskRule(channel, SMOOTH_THRESHOLD)
    return describe(folder, FILE, cameras, [files[index] for index in order], _CONVENTIONS, rule)


LAYOUT = Layout("transforms", "nerfstudio, instant-ngp", FILE, file_named(FILE), _read)


def _in_alpha(files: list[CameraFiles]) -> bool:
    return all(camera.masks == camera.images for camera in files)


def _camera(entry: dict[str, Any]) -> RawCamera:
    pose = matrix(entry["transform_matrix"], 4, 4) if len(entry["transform_matrix"]) == 4 else None
    pose = matrix(entry["transform_matrix"], 3, 4) if pose is None else pose
    model = str(entry.get("camera_model", "OPENCV"))
    if model not in _LENSES:
        raise ValueError(f"camera_model {model[:40]} is not supported")
    fisheye = _LENSES[model] or entry.get("is_fisheye") is True
    order = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3")
    D = np.array([number(entry.get(name, 0.0)) for name in order])
    size = size_of(entry["w"], entry["h"]) if "w" in entry and "h" in entry else None
    fx = _focal(entry, "x", None if size is None else size[0])
    fy = _focal(entry, "y", None if size is None else size[1], fx)
    if size is None and ("cx" not in entry or "cy" not in entry):
        raise ValueError("w and h, or cx and cy, must be given")
    width, height = size or (0, 0)
    K = intrinsic_matrix(fx, fy, entry.get("cx", width / 2), entry.get("cy", height / 2))
    return RawCamera("", K, D, pose[:3, :3], pose[:3, 3], size, fisheye)


def _focal(entry: dict[str, Any], axis: str, side: int | None, default: float | None = None) -> float:
    if f"fl_{axis}" in entry:
        return number(entry[f"fl_{axis}"])
    angle = entry.get(f"camera_angle_{axis}")
    if angle is not None and side is not None and 0 < number(angle) < math.pi:
        return 0.5 * side / math.tan(0.5 * number(angle))
    if default is None:
        raise KeyError(f"fl_{axis}")
    return default


def _names(groups: dict[bytes, list[dict[str, Any]]]) -> dict[bytes, str]:
    """Name cameras like the folders of their images, or like the images, if these differ."""
    first = {key: str(group[0]["file_path"]).replace("\\", "/") for key, group in groups.items()}
    for rule in (lambda path: path.rsplit("/", 2)[-2] if "/" in path else "", stem):
        names = {key: rule(path) for key, path in first.items()}
        if all(names.values()) and len(set(names.values())) == len(names):
            return names
    return {key: str(index) for index, key in enumerate(groups)}


def _files(folder: CaptureFolder, name: str, group: list[dict[str, Any]], meta: CaptureMeta, cameras: int) -> CameraFiles:
    """Return the files of one camera. Frames are matched by time, or by the number in the file's name."""
    paths = [_path(folder, entry["file_path"]) for entry in group]
    if all("time" in entry for entry in group):
        keys: list[Key] = [round(number(entry["time"]) * 1e6) for entry in group]
    elif len(group) == 1:
        keys = [0]
    else:
        by_number = numbered([path.rsplit("/", 1)[-1] for path in paths])
        keys = list(by_number) if len(by_number) == len(paths) else list(paths)
    images = dict(zip(keys, paths, strict=True))
    if len(images) != len(group):
        raise ValueError(f"camera {name} has two images of one frame")
    masks = None
    if meta.masks not in NOT_FOLDERS:
        listed = [entry.get("mask_path") for entry in group]
        if all(isinstance(mask, str) for mask in listed):
            masks = dict(zip(keys, [_path(folder, mask) for mask in listed], strict=True))
        elif _has_alpha(folder, paths[0]):
            masks = images
    return CameraFiles(name, images, masks)


def _path(folder: CaptureFolder, value: Any) -> str:
    name = str(value).replace("\\", "/").removeprefix("./")
    if not is_inside(name):
        raise InputError(folder.root / FILE, "has a file outside the capture")
    if is_image(name.rsplit("/", 1)[-1]):
        return name
    return find_name(folder, [name, *(name + suffix for suffix in IMAGE_SUFFIXES)]) or name  # D-NeRF leaves the ending out


def _has_alpha(folder: CaptureFolder, name: str) -> bool:
    if not folder.has_file(name):
        return False
    with folder.image(name).open() as image:
        return "A" in image.getbands() or "transparency" in image.info
