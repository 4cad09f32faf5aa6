"""The surface of a frame: triangles or points, and the options of extracting them (`mesh_extraction.py`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MeshOptions:
    """Options of the surface extraction."""

    resolution: int = 192
    """Number of cubic voxels along the longest side of the box, 8 to 1024."""
    level: float | None = None
    """Density at the surface, 1/m; None means `default_level`."""

    def __post_init__(self) -> None:
        if not 8 <= self.resolution <= 1024:
            raise InputError(f"mesh resolution {self.resolution}", "must be 8 to 1024")
        if self.level is not None and not (math.isfinite(self.level) and self.level > 0):
            raise InputError(f"density level {self.level:g}", "must be positive and finite")


@dataclass(frozen=True)
class Mesh:
    """Triangles with a color and a normal for each vertex; without triangles, a point cloud."""

    vertices: Floats
    """(V, 3) meters, world axes."""
    normals: Floats
    """(V, 3) unit length, outwards."""
    colors: NDArray[np.uint8]
    """(V, 3) display-referred (sRGB), seen from outside along the normal."""
    faces: NDArray[np.int32]
    """(F, 3) vertex indices, counterclockwise seen from outside."""


def linear_colors(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Convert sRGB colors to linear light, 0 to 1 (IEC 61966-2-1); glTF and USD require it of vertex colors."""
    values = colors / 255.0
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
