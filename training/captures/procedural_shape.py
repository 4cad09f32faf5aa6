"""Solids with closed-form ray intersections: spheres and cubes under affine maps, painted with a pattern."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
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

    def distances(self, origin: Array, directions: Array) -> Array:
        """Return how far rays go until they enter the solid.

        Args:
            origin: (3,), meters, outside the solid.
            directions: (P, 3).

        Returns:
            (P,), in multiples of the directions; infinite for rays that miss.
        """
        o, d = self._inverse @ (origin - self.c), self._inverse @ directions.T
        return _meet_sphere(o, d) if self.kind == "sphere" else _meet_cube(o, d)

    def normals(self, points: Array) -> Array:
        """Return the unit outward normals at surface points (P, 3), (P, 3)."""
        q = (points - self.c) @ self._inverse.T
        normals = (q if self.kind == "sphere" else _normals_of_cube(q)) @ self._inverse
        return normals / np.maximum(lengths(normals), _EDGE)[:, None]

    @cached_property
    def _inverse(self) -> Array:
        return np.linalg.inv(self.A).astype(np.float64)

    def paint(self, points: Array) -> Array:
        """Return the color of surface points (P, 3), meters: (P, 3) in [0, 1]."""
        q = (points - self.c) @ self._inverse.T
        waves = np.sin(np.pi * self.frequency * q + 0.4)
        marks = {
            "plain": np.zeros(len(q)),
            "stripes": waves[:, 0] > 0,
            "checker": waves[:, 0] * waves[:, 1] * waves[:, 2] > 0,
            "dots": dot(waves, waves) > 2.2,
        }[self.pattern]
        return np.where(np.asarray(marks, dtype=bool)[:, None], self.colors[1], self.colors[0])

    @cached_property
    def surface_points(self) -> Array:
        """Points on the surface, (N, 3) meters, with the minimum and maximum of the solid."""
        if self.kind == "cube":
            side = np.linspace(-1, 1, 7)
            lattice = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
            q = lattice[np.abs(lattice).max(axis=1) == 1]
        else:
            # The farthest point along world axis i is A q with q along row i of A.
            extremes = self.A / np.linalg.norm(self.A, axis=1, keepdims=True)
            q = np.concatenate([_spiral(240), extremes, -extremes])
        return q @ self.A.T + self.c


def dot(a: Array, b: Array) -> Array:
    """Return the dot products of vectors (P, 3) with others (P, 3), (P,)."""
    products: Array = np.einsum("ij,ij->i", a, b)  # many times faster than a sum along an axis of three numbers
    return products


def lengths(vectors: Array) -> Array:
    """Return the lengths of vectors (P, 3), (P,)."""
    return np.sqrt(dot(vectors, vectors))


def _meet_sphere(o: Array, d: Array) -> Array:
    """Return the distances of the unit sphere from o, (3,), outside it, along directions d, (3, P)."""
    a, b, c = dot(d.T, d.T), o @ d, o @ o - 1
    discriminant = b * b - a * c
    hit = np.flatnonzero((discriminant >= 0) & (b < 0))  # b is positive when the sphere is behind o
    t = np.full(d.shape[1], np.inf)
    t[hit] = (-b[hit] - np.sqrt(discriminant[hit])) / a[hit]
    return t


def _meet_cube(o: Array, d: Array) -> Array:
    """Return the distances of the cube, as `_meet_sphere` does."""
    safe = np.where(np.abs(d) < _EDGE, _EDGE, d)
    first, second = (-1 - o)[:, None] / safe, (1 - o)[:, None] / safe
    entry, leaving = np.minimum(first, second).max(axis=0), np.maximum(first, second).min(axis=0)
    return np.where((entry > 0) & (entry <= leaving), entry, np.inf)


def _normals_of_cube(q: Array) -> Array:
    """Return the normals of the faces that are nearest to points, (P, 3)."""
    rows, faces = np.arange(len(q)), np.abs(q).argmax(axis=1)
    normals = np.zeros_like(q)
    normals[rows, faces] = np.sign(q[rows, faces])
    return normals


@cache
def _spiral(count: int) -> Array:
    """Return points distributed evenly over the unit sphere (golden-angle spiral), (count, 3)."""
    index = np.arange(count) + 0.5
    z, angle = 1 - 2 * index / count, np.pi * (1 + 5**0.5) * index
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
