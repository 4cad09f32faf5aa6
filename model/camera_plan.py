"""A plan of a capture: its cameras and its subject, seen from above or from the side in parallel projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 35.0
"""Space around everything, pixels."""


@dataclass(frozen=True)
class CameraPlan:
    """A parallel projection of the world onto a plan."""

    size: tuple[float, float]
    """Width and height, pixels."""
    right: NDArray[np.float64]
    """(3,), the direction that points right."""
    down: NDArray[np.float64]
    """(3,), the direction that points down."""
    middle: NDArray[np.float64]
    """(2,), the position in the middle of the plan, meters."""
    scale: float
    """Pixels per meter."""

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return positions on the plan, (..., 2), pixels."""
        flat = np.stack([points @ self.right, points @ self.down], axis=-1)
        return (flat - self.middle) * self.scale + np.array(self.size) / 2

    @property
    def width_in_meters(self) -> float:
        """Width of the plan, meters."""
        return self.size[0] / self.scale


def make_plan(
    points: NDArray[np.floating[Any]], up: NDArray[np.floating[Any]], side: bool, size: tuple[float, float]
) -> CameraPlan:
    """Choose the projection that shows all points.

    Args:
        points: (N, 3), meters.
        up: (3,), unit vector.
        side: whether to look from the side instead of from above.
        size: width and height of the plan, pixels.
    """
    right = np.cross(up, np.eye(3)[int(np.abs(up).argmin())])
    right /= np.linalg.norm(right)
    down = -np.asarray(up, np.float64) if side else np.cross(right, up)
    flat = np.stack([points @ right, points @ down], axis=-1)
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = min(size) - 2 * MARGIN
    return CameraPlan(size, right, down, (low + high) / 2, float(room / max((high - low).max(), 1e-9)))
