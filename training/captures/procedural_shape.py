"""Solids with closed-form ray intersections: spheres and cubes under affine maps, painted with a pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EDGE = 1e-9  # keeps divisions finite for rays parallel to an axis


@dataclass(frozen=True, eq=False)
class Solid:
    """The image of the unit sphere or of the cube [-1, 1]^3 under p = A q + c."""

    kind: Literal["sphere", "cube"]
    """The shape in local coordinates q."""
    A: Array
    """3 x 3, local to world, meters; must not be singular."""
    c: Array
    """(3,) center, meters."""
    pattern: Literal["plain", "stripes", "checker", "dots"]
    """How the two colors are distributed."""
    colors: tuple[tuple[float, float, float], tuple[float, float, float]]
    """Display-referred red, green, blue in [0, 1]; the first is the background of the pattern."""
    frequency: float = 3.0
    """Repetitions of the pattern per unit of q."""

    def intersect(self, origin: Array, directions: Array) -> tuple[Array, Array]:
        """Intersect rays with the solid.

        Args:
            origin: (3,), meters, outside the solid.
            directions: (P, 3).

        Returns:
            Distances to the entry points in multiples of the directions, (P,), infinite for rays that miss; and unit outward
            normals, (P, 3).
        """
        inverse = np.linalg.inv(self.A)
        o, d = inverse @ (origin - self.c), directions @ inverse.T
        t, local = _meet_sphere(o, d) if self.kind == "sphere" else _meet_cube(o, d)
        normals = local @ inverse
        return t, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), _EDGE)

    def paint(self, points: Array) -> Array:
        """Return the color of surface points (P, 3), meters: (P, 3) in [0, 1]."""
        q = (points - self.c) @ np.linalg.inv(self.A).T
        waves = np.sin(np.pi * self.frequency * q + 0.4)
        marks = {
            "plain": np.zeros(len(q)),
            "stripes": waves[:, 0] > 0,
            "checker": np.prod(waves, axis=1) > 0,
            "dots": (waves**2).sum(axis=1) > 2.2,
        }[self.pattern]
        return np.where(np.asarray(marks, dtype=bool)[:, None], self.colors[1], self.colors[0])

    def surface_points(self) -> Array:
        """Return points on the surface, (N, 3) meters, with the minimum and maximum of the solid."""
        if self.kind == "cube":
            side = np.linspace(-1, 1, 7)
            lattice = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
            q = lattice[np.abs(lattice).max(axis=1) == 1]
        else:
            # The farthest point along world axis i is A q with q along row i of A.
            extremes = self.A / np.linalg.norm(self.A, axis=1, keepdims=True)
            q = np.concatenate([_spiral(240), extremes, -extremes])
        return q @ self.A.T + self.c


def _meet_sphere(o: Array, d: Array) -> tuple[Array, Array]:
    a, b, c = (d * d).sum(axis=1), d @ o, o @ o - 1
    discriminant = b * b - a * c
    t = np.where(discriminant >= 0, (-b - np.sqrt(np.maximum(discriminant, 0))) / a, np.inf)
    t = np.where(t > 0, t, np.inf)
    return t, o + np.where(np.isfinite(t), t, 0)[:, None] * d


def _meet_cube(o: Array, d: Array) -> tuple[Array, Array]:
    safe = np.where(np.abs(d) < _EDGE, _EDGE, d)
    first, second = (-1 - o) / safe, (1 - o) / safe
    nearer, farther = np.minimum(first, second), np.maximum(first, second)
    t, face = nearer.max(axis=1), nearer.argmax(axis=1)
    hit = (t > 0) & (t <= farther.min(axis=1))
    normals = np.zeros_like(d)
    rows = np.arange(len(d))
    normals[rows, face] = -np.sign(safe[rows, face])
    return np.where(hit, t, np.inf), normals


def _spiral(count: int) -> Array:
    """Return points distributed evenly over the unit sphere (golden-angle spiral), (count, 3)."""
    index = np.arange(count) + 0.5
    z, angle = 1 - 2 * index / count, np.pi * (1 + 5**0.5) * index
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
