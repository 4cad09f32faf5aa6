"""ActorsHQ (HumanRF): `calibration.csv`, one folder per scale of the images, boxes in `aabbs.csv`."""

from __future__ import annotations

import csv

import numpy as np

from training.captures.description import Array, Conventions, Description, RawCamera
from training.captures.files import CaptureFolder
from training.captures.frame_sets import CameraFiles, Key, camera_folder, describe, images_in, masks_like
from training.captures.layout import Layout
from training.captures.mask_folders import NOT_FOLDERS
from training.captures.meta import CaptureMeta
from training.captures.parsing import intrinsic_matrix, matrix, number, parsing, rotation_of_vector, size_of

FILE, BOXES = "calibration.csv", "aabbs.csv"

_SCALES = ("", *(f"{n}x/" for n in (4, 2, 8, 1)))
"""Folders of the scales. If several are there, the first of these is read, unless that scale's folder is opened."""

_COLUMNS = ("name", "w", "h", "rx", "ry", "rz", "tx", "ty", "tz", "fx", "fy", "px", "py")

_CONVENTIONS = Conventions(pose="camera_to_world", pixel_center=0.5, up_axis="y", fps=25)


def _scale(folder: CaptureFolder) -> str | None:
    return next((scale for scale in _SCALES if folder.has_file(scale + FILE) and folder.has_folder(scale + "rgbs")), None)


def _read(folder: CaptureFolder, meta: CaptureMeta, scale: str) -> Description:
    with parsing(folder.root / (scale + FILE), "a list of cameras"):
        cameras = [_camera(row) for row in _table(folder.text(scale + FILE), _COLUMNS)]
    masks = None if meta.masks in NOT_FOLDERS else scale + (meta.masks or "masks")
    masks = masks if masks is not None and folder.has_folder(masks) else None
    files = []
    for camera in cameras:
        place = camera_folder(folder, camera.name, (scale + "rgbs",))
        mask_place = place.removeprefix(scale)
        files.append(CameraFiles(camera.name, images_in(folder, place), masks_like(folder, masks, mask_place)))
    return describe(folder, scale + FILE, cameras, files, _CONVENTIONS, boxes=_boxes(folder))


LAYOUT = Layout("actorshq", "ActorsHQ, HumanRF", f"{FILE} and rgbs", _scale, _read)


def _table(text: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    rows = list(csv.DictReader(text.splitlines(), skipinitialspace=True))
    if not rows or not set(columns) <= {name for name in rows[0] if name is not None}:
        raise ValueError(f"expected the columns {', '.join(columns)}")
    return rows


def _camera(row: dict[str, str]) -> RawCamera:
    width, height = size_of(row["w"], row["h"])
    fx, px = (number(row[name]) * width for name in ("fx", "px"))
    fy, py = (number(row[name]) * height for name in ("fy", "py"))
    R = rotation_of_vector([float(row[name]) for name in ("rx", "ry", "rz")])
    T = matrix([float(row[name]) for name in ("tx", "ty", "tz")], 3)
    return RawCamera(row["name"].strip(), intrinsic_matrix(fx, fy, px, py), np.zeros(5), R, T, (width, height))


def _boxes(folder: CaptureFolder) -> dict[Key, Array] | None:
    """Return the box of each frame from `aabbs.csv`, which lies in the folder of the sequence, above the scales."""
    if not folder.has_file(BOXES):
        return None
    corners = [f"aabb_{end}_{axis}" for end in ("min", "max") for axis in "xyz"]
    with parsing(folder.root / BOXES, "a list of boxes"):
        rows = _table(folder.text(BOXES), ("frame_number", *corners))
        return {int(number(row["frame_number"])): matrix([float(row[name]) for name in corners], 2, 3) for row in rows}
