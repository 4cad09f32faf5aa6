"""Draw small pictures of each camera: the image with the outlines of its mask and of the hull."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.captures.images import Pixels
from training.inspection.camera_model import CameraModel
from training.inspection.comparison import COVERED, FrameScene
from training.inspection.consistency import outside_mask

THUMBNAIL = 240
"""Longer side of a picture, pixels."""

MASK_COLOR, HULL_COLOR = (60, 220, 90), (250, 60, 200)
"""Colors of the two outlines, red, green, blue."""

_CELLS = 56  # per side of the box in which the hull is carved


@dataclass(frozen=True, eq=False)
class Hull:
    """The region of space that lies inside all masks."""

    points: NDArray[np.float32]
    """(N, 3), centers of its cells, meters."""
    cell: float
    """Side of a cell, meters."""


def carve(scene: FrameScene, low: NDArray[np.float64], high: NDArray[np.float64], ignored: int) -> Hull:
    """Carve the hull of a frame.

    Args:
        scene: cameras and silhouettes.
        low, high: a box around the subject, (3,) each.
        ignored: maximum number of masks that a point of the hull may miss.
    """
    margin = 0.06 * float((high - low).max())
    cell = float((high - low).max() + 2 * margin) / _CELLS
    axes = [np.arange(a - margin, b + margin, cell, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    misses = np.zeros(points.shape[1], dtype=np.int32)
    for model, silhouette in zip(scene.models, scene.silhouettes, strict=True):
        misses += outside_mask(model, silhouette, points) > COVERED
    return Hull(points[:, misses <= ignored].T, cell)


def picture(image: Pixels, mask: Pixels | None, model: CameraModel, hull: Hull | None, side: int = THUMBNAIL) -> Pixels:
    """Return a small picture (h, w, 3) of an image with the outlines of its mask and of the hull's reprojection."""
    scale = side / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    if mask is not None:
        _outline(small, cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 127, MASK_COLOR)
    if hull is not None and len(hull.points):
        _outline(small, _projected(hull, model, size), HULL_COLOR)
    return small


def _outline(image: Pixels, region: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, contours, -1, color, 1)


def _projected(hull: Hull, model: CameraModel, size: tuple[int, int]) -> NDArray[np.bool_]:
    column, row, front = model.project(hull.points.T)
    i, j = (np.floor(v * n / m) for v, n, m in ((column, size[0], model.width), (row, size[1], model.height)))
    seen = front & (i >= 0) & (i < size[0]) & (j >= 0) & (j < size[1])
    region = np.zeros(size[::-1], dtype=np.uint8)
    region[j[seen].astype(int), i[seen].astype(int)] = 1
    distance = float(np.median(np.linalg.norm(hull.points - model.center, axis=1)))
    pixels = hull.cell / distance * abs(model.K[0, 0]) * size[0] / model.width
    kernel = np.ones((max(1, round(1.5 * pixels)) | 1,) * 2, dtype=np.uint8)
    return cv2.morphologyEx(region, cv2.MORPH_CLOSE, kernel).astype(bool)


def contact_sheet(pictures: list[Pixels], names: list[str]) -> Pixels:
    """Return all pictures in one image, each with its name."""
    height, width = max(p.shape[0] for p in pictures) + 18, max(p.shape[1] for p in pictures) + 4
    columns = min(6, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 24, dtype=np.uint8)
    for index, (shown, name) in enumerate(zip(pictures, names, strict=True)):
        top, left = index // columns * height, index % columns * width
        sheet[top + 16 : top + 16 + shown.shape[0], left : left + shown.shape[1]] = shown
        printable = name.encode("ascii", "replace").decode()[:30]
        cv2.putText(sheet, printable, (left + 2, top + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA)
    return sheet
