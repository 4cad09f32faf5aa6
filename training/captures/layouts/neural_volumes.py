"""`KRT`: Neural Volumes, and other captures of Meta's domes in that form."""

from __future__ import annotations

import numpy as np

from training.captures.description import Array, Conventions, Description, RawCamera
from training.captures.files import CaptureFolder, is_image
from training.captures.frame_sets import CameraFiles, camera_folder, describe, masks_like, numbered
from training.captures.layout import Layout, file_named
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import numbers_in, parsing

FILE = "KRT"

_SCALE = 4
"""The calibration is of images of this many times the size. The authors' reader divides by it."""

_CONVENTIONS = Conventions(units_per_meter=1000, vertex_units_per_meter=1000, up_axis="-y")


def _read(folder: CaptureFolder, meta: CaptureMeta, _: str) -> Description:
    with parsing(folder.root / FILE, "a list of cameras"):
        blocks = _blocks(folder.text(FILE))
    masks = mask_folder(folder, meta, ("masks", "mask"))
    cameras, files = [], []
    for name in sorted(blocks):
        K, pose = blocks[name]
        place = camera_folder(folder, f"cam{name}", ("", "images"))
        images = numbered([file for file in folder.names(place) if is_image(file) and not file.startswith("bg")], place)
        files.append(CameraFiles(name, images, masks_like(folder, masks, place)))
        cameras.append(RawCamera(name, K, np.zeros(5), pose[:, :3], pose[:, 3]))
    return describe(folder, FILE, cameras, files, _CONVENTIONS)


LAYOUT = Layout("neural-volumes", "Neural Volumes", FILE, file_named(FILE), _read)


def _blocks(text: str) -> dict[str, tuple[Array, Array]]:
    """Return K and [R T] of each camera. A block has its name, K, distortion coefficients (unused) and [R T]."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) % 8:
        raise ValueError("each camera must have 8 lines")
    blocks = {}
    for start in range(0, len(lines), 8):
        name, rows = lines[start].strip(), lines[start + 1 : start + 8]
        if name in blocks:
            raise ValueError(f"camera {name} appears twice")
        K = np.stack([numbers_in(row, 3) for row in rows[:3]])
        K[:2] /= _SCALE
        blocks[name] = K, np.stack([numbers_in(row, 4) for row in rows[4:]])
    return blocks
