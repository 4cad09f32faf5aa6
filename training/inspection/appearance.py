"""Sharpness, exposure and color of the cameras, and frames that repeat."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.captures.images import Pixels
from training.inspection.camera_model import CameraModel
from training.inspection.comparison import FrameScene
from training.inspection.silhouette import Silhouette

Floats = NDArray[np.float64]

_BLUR = 9  # pixels; colors are compared after blurring, because the hull is not exactly the surface
_MIN_SHARED = 12  # points that two cameras must both see
_FAR = 1 << 20  # cells; farther from the image it does not matter which cell a point is in
_MIN_COSINE = 0.5  # cameras farther apart see different sides


@dataclass(frozen=True)
class Appearance:
    """What one camera's image of the subject looks like."""

    brightness: float
    """Mean of red, green and blue over the subject, 0 to 255."""
    clipped: float
    """Share of the subject's pixels in which a channel is at 255."""
    sharpness: float
    """Standard deviation of the image's Laplacian inside the subject, relative to the brightness."""


def measure_appearance(image: Pixels, silhouette: Silhouette) -> Appearance:
    """Measure an image (H, W, 3) inside its silhouette."""
    height, width = silhouette.inside.shape
    reduced = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    inner = cv2.erode(silhouette.inside.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    inner = inner if inner.any() else silhouette.inside
    gray = cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY).astype(np.float32)
    laplacian = cv2.Laplacian(gray, cv2.CV_32F)
    brightness = float(reduced[inner].mean())
    clipped = float((reduced[inner] == 255).any(axis=-1).mean())
    return Appearance(brightness, clipped, float(laplacian[inner].std()) / max(brightness, 1.0))


def color_gains(scene: FrameScene, images: list[Pixels], points: NDArray[np.float32]) -> Floats:
    """Return the gain of each camera in red, green and blue relative to the median camera, (n, 3); NaN where unknown.

    Cameras that look at the subject from similar directions see the same points, up to their gains. The gains are those that
    best explain the ratios between such cameras.

    Args:
        scene: n cameras.
        images: their images.
        points: points at the subject's surface, (N, 3).
    """
    samples = np.stack([_colors(m, s, i, points) for m, s, i in zip(scene.models, scene.silhouettes, images, strict=True)])
    directions = np.stack([model.R[2] for model in scene.models])
    count = len(images)
    rows: list[Floats] = []
    values: list[Floats] = []
    for i in range(count):
        for j in range(i + 1, count):
            ratio = samples[i] - samples[j]
            shared = np.isfinite(ratio).all(axis=-1)
            if directions[i] @ directions[j] < _MIN_COSINE or shared.sum() < _MIN_SHARED:
                continue
            row = np.zeros(count)
            row[i], row[j] = 1, -1
            rows.append(row)
            values.append(np.median(ratio[shared], axis=0))
    if not rows:
        return np.full((count, 3), np.nan)
    A, b = np.concatenate([rows, 1e-3 * np.eye(count)]), np.concatenate([values, np.zeros((count, 3))])
    gains = np.linalg.lstsq(A, b, rcond=None)[0]
    linked = np.abs(np.array(rows)).sum(axis=0) > 0
    gains[~linked] = np.nan
    return np.exp(gains - np.nanmedian(gains, axis=0))


def _colors(model: CameraModel, silhouette: Silhouette, image: Pixels, points: NDArray[np.float32]) -> Floats:
    """Return the logarithms of an image's colors at points, (N, 3); NaN where the camera does not see a point's surface."""
    column, row, front = model.project(points.T)
    blurred = cv2.blur(image.astype(np.float32), (_BLUR, _BLUR))
    cover = cv2.blur(cv2.resize(silhouette.inside.astype(np.float32), image.shape[1::-1]), (_BLUR, _BLUR))
    height, width = image.shape[:2]
    i, j = np.floor(column).clip(-1, width).astype(int), np.floor(row).clip(-1, height).astype(int)
    seen = front & (i >= 0) & (i < width) & (j >= 0) & (j < height)
    i, j = np.where(seen, i, 0), np.where(seen, j, 0)
    seen &= (cover[j, i] > 0.9) & _nearest(model, points, column, row, silhouette)
    colors = blurred[j, i] / np.maximum(cover[j, i], 1e-3)[:, None]
    seen &= (colors.min(axis=-1) > 8) & (colors.max(axis=-1) < 250)
    return np.where(seen[:, None], np.log(np.maximum(colors, 1)), np.nan)


def _nearest(
    model: CameraModel,
    points: NDArray[np.float32],
    column: NDArray[np.float32],
    row: NDArray[np.float32],
    silhouette: Silhouette,
) -> NDArray[np.bool_]:
    """Return which points are not hidden by others: nearest in their cell of a coarse image grid, with some slack."""
    depth = points @ model.R[2] + model.T[2]
    cell = max(4.0, silhouette.radius / float(silhouette.scale.mean()) / 12)
    i, j = (np.floor(position / cell).clip(-_FAR, _FAR).astype(np.int64) for position in (column, row))
    _, inverse = np.unique(4 * _FAR * i + j, return_inverse=True)  # of pairs of numbers it takes many times as long
    nearest = np.full(inverse.max() + 1, np.inf)
    np.minimum.at(nearest, inverse, depth)
    slack = 2 * cell / abs(model.K[0, 0]) * np.median(depth)
    return depth <= nearest[inverse] + slack
