"""Lines over the view, in the form that the window's line shader reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LINE = np.dtype([("ends", "f4", (2, 3)), ("color", "f4", 4), ("thickness", "f4"), ("behind", "f4")])
"""A line: its ends (pixels x and y, meters z), straight color with opacity, thickness in pixels, and the relative opacity of
hidden parts."""


@dataclass(frozen=True, eq=False)
class OverlayLines:
    """All lines of a view."""

    lines: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, LINE))
    """(N,) of `LINE`. Later lines are drawn over earlier ones."""
    slack: float = 0.0
    """Distance behind the surface at which a line still counts as visible, meters."""
    divider: float = 1.0
    """Right of this position (0 to 1) the second image's surface hides lines."""

    @property
    def key(self) -> tuple[object, ...]:
        """A value that is equal for equal lines."""
        return self.lines.tobytes(), self.slack, self.divider


def make_lines(ends: Floats, size: tuple[int, int], color: int, thickness: float, behind: float) -> NDArray[np.void]:
    """Return the parts of lines inside the view.

    Args:
        ends: (N, 2, 3) pixels x and y, meters z.
        size: width and height of the view, pixels.
        color: as ImGui packs colors (ABGR).
        thickness: pixels.
        behind: relative opacity of the parts that the scene hides, 0 to 1.

    Returns:
        (M,) of `LINE`.
    """
    ends, begin, finish = clipped(ends, size)
    made = np.zeros(len(ends), LINE)
    for end, part in enumerate((begin, finish)):
        made["ends"][:, end, :2] = ends[:, 0, :2] + part[:, None] * (ends[:, 1, :2] - ends[:, 0, :2])
        made["ends"][:, end, 2] = 1 / ((1 - part) / ends[:, 0, 2] + part / ends[:, 1, 2])  # 1 / z is linear on the screen
    made["color"] = [(color >> shift & 255) / 255 for shift in (0, 8, 16, 24)]
    made["thickness"], made["behind"] = thickness, behind
    return made


def clipped(ends: Floats, size: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Return the lines that cross the view, and where each enters and leaves it, 0 to 1 along the line."""
    start, way = ends[:, 0, :2], ends[:, 1, :2] - ends[:, 0, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        to_low, to_high = (0 - start) / way, (np.array(size) - start) / way
    still = way == 0  # parallel to this border: either inside or outside everywhere
    outside = still & ((start < 0) | (start > np.array(size)))
    near = np.where(still, -np.inf, np.minimum(to_low, to_high))
    far = np.where(still, np.inf, np.maximum(to_low, to_high))
    begin, finish = np.maximum(near.max(axis=1), 0.0), np.minimum(far.min(axis=1), 1.0)
    crosses = (begin < finish) & ~outside.any(axis=1)
    return ends[crosses], begin[crosses], finish[crosses]
