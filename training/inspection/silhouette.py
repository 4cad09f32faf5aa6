"""Prepare a mask for the comparison with the masks of other cameras."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from training.captures.images import Pixels

Floats = NDArray[np.float64]

MAX_SIDE = 640
"""Larger masks are reduced to this many pixels along their longer side."""

MAX_GAP = 0.4
"""Distances from a mask are limited to this share of the subject's radius in the image."""

STEP = np.float32(MAX_GAP / 32767)
"""Distances from a mask are stored as multiples of this share of the subject's radius."""

UNSEEN = -STEP
"""Stands for the distance of points that a camera does not see."""

_TOLERANCE = 0.75  # mask pixels: the error of an outline that is rounded to pixels
_MOST = 32000  # positions per lookup; OpenCV accepts fewer than 32767

BORDER = 3  # mask pixels along the image border without samples: the subject may continue beyond it


@dataclass(frozen=True, eq=False)
class Silhouette:
    """One reduced mask."""

    inside: NDArray[np.bool_]
    """(h, w), pixels that certainly belong to the subject."""
    steps: NDArray[np.int16]
    """(h, w), how far pixels are outside the mask, in multiples of `STEP`."""
    scale: Floats
    """Mask pixels per pixel of the image, columns and rows, (2,)."""
    samples: Floats
    """Positions of subject pixels, (P, 2), in pixels of the image; half of them at the outline."""
    center: Floats
    """Mean position of the subject, (2,), in pixels of the image."""
    radius: float
    """Radius around the center that contains 98 % of the subject, in mask pixels."""

    @property
    def area(self) -> float:
        """Share of the image that the subject covers."""
        return float(self.inside.mean())

    @property
    def border_share(self) -> float:
        """Share of the image border that the subject covers."""
        border = np.concatenate([self.inside[0], self.inside[-1], self.inside[:, 0], self.inside[:, -1]])
        return float(border.mean())

    @cached_property
    def pixels(self) -> Floats:
        """Converts homogeneous positions in pixels of the image to indices of columns and rows of the mask, 3 x 3."""
        return np.array([[self.scale[0], 0, -0.5], [0, self.scale[1], -0.5], [0, 0, 1]])

    def outside(self, column: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how far positions are outside the mask, as a share of the subject's radius; `UNSEEN` outside the image.

        Args:
            column, row: indices of columns and rows of the mask, any shape; they are rounded.
        """
        x, y = column.ravel(), row.ravel()
        if x.size <= _MOST:
            return (self._lookup(x, y) * STEP).reshape(column.shape)
        steps = [self._lookup(x[first : first + _MOST], y[first : first + _MOST]) for first in range(0, x.size, _MOST)]
        return (np.concatenate(steps) * STEP).reshape(column.shape)

    def _lookup(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.int16]:
        found = cv2.remap(self.steps, x[None], y[None], cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, (-1,))
        return np.asarray(found[0], dtype=np.int16)


def make_silhouette(mask: Pixels, count: int, width: int, height: int) -> Silhouette | None:
    """Prepare a mask; None when it is empty.

    Args:
        mask: (H, W), 0 is background and 255 subject.
        count: number of samples.
        width, height: size of the image that the mask belongs to.
    """
    factor = min(1.0, MAX_SIDE / max(mask.shape))
    size = (max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor)))
    reduced = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) if factor < 1 else mask
    inside = reduced > 160
    if inside.sum() < 4:
        return None
    scale = np.array([size[0] / width, size[1] / height])
    distance = cv2.distanceTransform((reduced < 64).astype(np.uint8), cv2.DIST_L2, 5)
    rows, columns = np.divmod(np.flatnonzero(inside), size[0])
    center = np.array([columns.mean(), rows.mean()]) + 0.5
    radius = max(float(np.quantile(np.hypot(columns + 0.5 - center[0], rows + 0.5 - center[1]), 0.98)), 1.0)
    steps = np.rint(((distance - _TOLERANCE) / radius).clip(0, MAX_GAP) / STEP).astype(np.int16)
    return Silhouette(inside, steps, scale, _samples(inside, count) / scale, center / scale, radius)


def _samples(inside: NDArray[np.bool_], count: int) -> Floats:
    """Choose subject pixels: half along the outline, half anywhere, none at the image border."""
    kept = inside.copy()
    kept[:BORDER] = kept[-BORDER:] = False
    kept[:, :BORDER] = kept[:, -BORDER:] = False
    if not kept.any():
        kept = inside
    outline = kept & ~cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    generator = np.random.default_rng(0)
    chosen = []
    for pixels, number in ((outline if outline.any() else kept, count // 2), (kept, count - count // 2)):
        found = np.flatnonzero(pixels)  # many times faster than `argwhere`
        chosen.append(found[generator.choice(len(found), number, replace=len(found) < number)])
    rows, columns = np.divmod(np.concatenate(chosen), inside.shape[1])
    return np.stack([columns, rows], axis=1) + 0.5
