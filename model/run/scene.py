"""Read what a run stores of its capture: boxes, hulls and the metadata of the video."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.array_file import Array
from common.errors import InputError
from model.bundle.tensors import check_boxes
from model.camera import Camera
from model.occupancy import packed_size
from model.run.files import SCENE, read_tensors, read_texts
from model.video import VideoMetadata

MAX_HULL_RESOLUTION = 256
"""Largest number of cells of a hull along each axis."""


@dataclass(frozen=True)
class StoredScene:
    """The content of a run's scene file."""

    boxes: NDArray[np.float32]
    """(T, 2, 3) float32, meters."""
    hulls: NDArray[np.uint8] | None
    """(T, bytes) uint8: packed cells of each frame's box; None without hulls."""
    hull_resolution: int
    """Cells of a hull along each axis; 0 without hulls."""
    metadata: VideoMetadata
    """Metadata of the video."""
    texts: dict[str, Any]
    """The JSON object in the file."""


def read_scene(folder: Path) -> StoredScene:
    """Read and check the scene of a run; raise InputError when it is missing or damaged."""
    path = folder / SCENE
    if not os.path.lexists(folder):
        raise InputError(folder, "no such file or folder", "check its name")
    if not path.is_file():
        raise InputError(folder, "is not a training run", f"it has no {SCENE}")
    texts, tensors = read_texts(path, "scene"), read_tensors(path)
    try:
        metadata = VideoMetadata(
            fps=float(texts["fps"]),
            up=tuple(float(v) for v in texts["up"]),  # type: ignore[arg-type]
            cameras=[Camera.from_dict(camera, str(path)) for camera in texts["cameras"]],
            provenance={str(k): str(v) for k, v in texts["provenance"].items()},
            license=str(texts["license"]),
        )
        boxes, hulls, resolution = tensors["boxes"], tensors.get("hulls"), int(texts["hull_resolution"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, "is damaged") from error
    _check_tensors(path, boxes, hulls, resolution)
    return StoredScene(boxes, hulls, resolution, metadata, texts)


def _check_tensors(path: Path, boxes: Array, hulls: Array | None, resolution: int) -> None:
    """Check what is passed to native code, which computes addresses from it."""
    frames = len(boxes) if boxes.ndim else 0
    if boxes.dtype != np.float32 or boxes.shape != (frames, 2, 3) or not frames or not np.isfinite(boxes).all():
        raise InputError(path, f"has boxes of shape {boxes.shape}, not finite numbers of shape (T, 2, 3)")
    check_boxes(path, boxes)
    if hulls is None and resolution == 0:
        return
    expected = (frames, packed_size((resolution, resolution, resolution))) if 0 < resolution <= MAX_HULL_RESOLUTION else None
    if hulls is None or hulls.dtype != np.uint8 or hulls.shape != expected:
        raise InputError(path, f"has hulls that do not fit their resolution of {resolution} cells")
