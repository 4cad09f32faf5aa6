"""Line segments of the overlays: box, occupied cells, capture cameras, axes, ground grid."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.camera import Camera
from viewer.camera.rotations import basis_of_up

Segments = NDArray[np.float64]
"""(N, 2, 3): both ends of each segment, meters."""

NEAR = 1e-3
"""Segments are clipped at this distance in front of the camera, meters."""


def box_segments(box: ArrayLike) -> Segments:
    """Return the twelve edges of a box given by its (2, 3) corners."""
    low, high = np.asarray(box, dtype=np.float64)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (high - low) + low
    pairs = [(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit]
    return corners[np.array(pairs)]


def cell_segments(occupancy: NDArray[np.bool_], box: ArrayLike) -> Segments:
    """Return the creases of the occupied cells' surface. Edges inside flat parts are left out, collinear ones are joined.

    Args:
        occupancy: (X, Y, Z).
        box: (2, 3) corners that the cells fill, meters.
    """
    low, high = np.asarray(box, dtype=np.float64)
    size = (high - low) / np.array(occupancy.shape)
    found = []
    for axis in range(3):
        lines = np.moveaxis(np.pad(occupancy, 1), axis, 2).astype(np.int8)  # (u, v, along)
        around = lines[:-1, :-1], lines[1:, :-1], lines[:-1, 1:], lines[1:, 1:]
        crease = (around[0] + around[1] + around[2] + around[3]) % 2 == 1
        crease |= (around[0] == around[3]) & (around[1] == around[2]) & (around[0] != around[1])
        found.append(_runs(crease[:, :, 1:-1], axis))
    return np.concatenate(found) * size + low


def longest(segments: Segments, count: int) -> Segments:
    """Return the `count` longest of (N, 2, 3) segments, or all. If there are too many to draw, the shape stays visible."""
    if len(segments) <= count:
        return segments
    lengths = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)
    return segments[np.argsort(-lengths, kind="stable")[:count]]


def _runs(crease: NDArray[np.bool_], axis: int) -> Segments:
    steps = np.diff(np.pad(crease, ((0, 0), (0, 0), (1, 1))).astype(np.int8), axis=2)
    starts, ends = np.argwhere(steps == 1), np.argwhere(steps == -1)  # both in the same order, line by line
    order = [0, 1]
    order.insert(axis, 2)
    return np.stack([starts[:, order], ends[:, order]], axis=1).astype(np.float64)


def frustum_segments(camera: Camera, size: float) -> Segments:
    """Return a capture camera as a pyramid with its base `size` meters in front of it. A tick marks the upper side."""
    width, height = camera.width, camera.height
    pixels = np.array([[0, 0], [width, 0], [width, height], [0, height], [width / 2, -0.2 * height]], float)
    world = camera.unproject(pixels, size)
    eye = camera.center
    base = [(world[i], world[(i + 1) % 4]) for i in range(4)]
    return np.array([*[(eye, corner) for corner in world[:4]], *base, (world[0], world[4]), (world[4], world[1])])


def polyline_segments(points: ArrayLike) -> Segments:
    """Return the lines from each of (N, 3) points to the next one."""
    line = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    return np.stack([line[:-1], line[1:]], axis=1)


def axis_segments(size: float) -> Segments:
    """Return the world's x, y and z axes from the origin, in this order."""
    return np.stack([np.zeros((3, 3)), np.eye(3) * size], axis=1)


def grid_segments(box: ArrayLike, up: ArrayLike, ground: float | None = None) -> Segments:
    """Return a ground grid. The distance between lines is a power of ten or half of one.

    Args:
        box: (2, 3) corners of what stands on the ground, meters.
        up: direction that is up.
        ground: height of the grid along `up`, meters; None is the lowest corner of the box.
    """
    low, high = np.asarray(box, dtype=np.float64)
    basis = basis_of_up(up)
    corners = box_segments(box).reshape(-1, 3) @ basis.T
    center = (low + high) @ basis.T / 2
    level = corners[:, 2].min() if ground is None else ground
    reach = float(np.ptp(corners[:, :2], axis=0).max()) * 1.5
    spacing = 10.0 ** math.floor(math.log10(max(reach, 1e-9)))
    spacing = spacing / 2 if reach / spacing < 4 else spacing
    count = math.ceil(reach / spacing)
    middle = np.round(center[:2] / spacing) * spacing
    lines = []
    for k in range(-count, count + 1):
        along = [middle + spacing * np.array([k, side * count]) for side in (-1, 1)]
        across = [middle + spacing * np.array([side * count, k]) for side in (-1, 1)]
        lines += [along, across]
    points = np.concatenate([np.array(lines), np.full((len(lines), 2, 1), level)], axis=2)
    return points @ basis


def project_segments(segments: Segments, camera: Camera) -> NDArray[np.float64]:
    """Project segments and clip the parts behind the camera.

    Returns:
        (M, 2, 3), M <= N: pixel positions x and y of both ends, and their depths in meters.
    """
    pixels, depth = camera.project(segments)
    seen = (depth > NEAR).any(axis=1)
    segments, pixels, depth = segments[seen], pixels[seen], depth[seen]
    behind = depth <= NEAR
    cut = behind.any(axis=1)
    if cut.any():
        (first, second), z = np.moveaxis(segments[cut], 1, 0), depth[cut]
        crossing = first + ((NEAR - z[:, 0]) / (z[:, 1] - z[:, 0]))[:, None] * (second - first)
        pixels[cut], depth[cut] = camera.project(np.where(behind[cut][..., None], crossing[:, None], segments[cut]))
    return np.concatenate([pixels, depth[..., None]], axis=-1)
