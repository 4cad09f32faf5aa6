"""A procedural moving scene, a juggler on a plinth made of ellipsoids and boxes, and its image in a camera."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from training.captures.procedural_shape import Array, Solid, dot, lengths

SUBPIXELS = 4
"""Rays per pixel along each axis."""

_LIGHT = np.array([0.45, -0.6, 0.66])
_SKIN, _RED, _CREAM = (0.85, 0.64, 0.5), (0.72, 0.12, 0.14), (0.93, 0.88, 0.72)
_BLUE, _GREEN, _DARK, _GOLD = (0.14, 0.25, 0.6), (0.16, 0.5, 0.3), (0.13, 0.12, 0.16), (0.9, 0.68, 0.2)


def scene_at(phase: float) -> list[Solid]:
    """Return the solids at a phase of the movement in [0, 1], in meters, z up. Phases 0 and 1 are equal, so it loops."""
    turn = 2 * np.pi * phase
    sway, bounce = 0.07 * np.sin(turn), 0.04 * abs(np.sin(turn))
    hips, chest = np.array([0.5 * sway, 0, 0.95 - bounce]), np.array([sway, 0, 1.35 - bounce])
    head = chest + _offset(0.02 * np.sin(2 * turn), 0, 0.37)
    plinth = Solid("cube", np.diag([0.42, 0.36, 0.08]), np.array([0, 0, 0.08]), "checker", (_DARK, _CREAM), 4.0)
    body = [
        plinth,
        Solid("sphere", _limb_axes(hips, chest, 0.19, 0.16), (hips + chest) / 2, "stripes", (_RED, _CREAM), 4.0),
        Solid("sphere", np.diag([0.2, 0.15, 0.14]), hips, "plain", (_BLUE, _BLUE)),
        *_head(head, 0.4 * np.sin(turn)),
    ]
    for side in (-1, 1):
        body += _leg(hips, side, turn) + _arm(chest, side, turn)
    return body + [_ball(head, turn, index) for index in range(3)]


def _offset(x: float, y: float, z: float) -> Array:
    return np.array([x, y, z])


def _head(center: Array, yaw: float) -> list[Solid]:
    turned = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1.0]])
    eyes = [center + turned @ _offset(side * 0.05, -0.12, 0.03) for side in (-1, 1)]
    return [
        Solid("sphere", turned @ np.diag([0.12, 0.14, 0.17]), center, "plain", (_SKIN, _SKIN)),
        Solid("cube", turned @ np.diag([0.11, 0.11, 0.06]), center + _offset(0, 0, 0.17), "stripes", (_GOLD, _GREEN), 3.0),
        *(Solid("sphere", np.eye(3) * 0.024, eye, "plain", (_DARK, _DARK)) for eye in eyes),
    ]


def _leg(hips: Array, side: int, turn: float) -> list[Solid]:
    hip, foot = hips + _offset(side * 0.1, 0, -0.05), np.array([side * 0.16, 0, 0.2])
    knee = (hip + foot) / 2 + _offset(side * 0.05, -0.1 - 0.05 * abs(np.sin(turn)), 0)
    return [
        _limb(hip, knee, 0.085, "dots", (_BLUE, _CREAM)),
        _limb(knee, foot, 0.07, "stripes", (_DARK, _RED)),
        Solid("cube", np.diag([0.06, 0.13, 0.04]), foot + _offset(0, -0.05, 0), "plain", (_DARK, _DARK)),
    ]


def _arm(chest: Array, side: int, turn: float) -> list[Solid]:
    shoulder, lift = chest + _offset(side * 0.2, 0, 0.08), turn + (np.pi if side < 0 else 0)
    elbow = shoulder + _offset(side * 0.16, -0.06, -0.2 + 0.06 * np.sin(lift))
    hand = elbow + _offset(side * 0.05, -0.22, 0.1 + 0.14 * np.sin(lift))
    return [
        _limb(shoulder, elbow, 0.065, "checker", (_RED, _GOLD)),
        _limb(elbow, hand, 0.05, "plain", (_SKIN, _SKIN)),
        Solid("sphere", np.eye(3) * 0.055, hand, "plain", (_SKIN, _SKIN)),
    ]


def _ball(head: Array, turn: float, index: int) -> Solid:
    angle = turn + 2 * np.pi * index / 3
    center = head * _offset(0, 0, 1) + _offset(0.36 * np.cos(angle), -0.3, -0.1 + 0.34 * np.sin(angle))
    spin = np.array([[np.cos(2 * angle), 0, np.sin(2 * angle)], [0, 1, 0], [-np.sin(2 * angle), 0, np.cos(2 * angle)]])
    ground = (_GREEN, _GOLD, _BLUE)[index]
    return Solid("sphere", 0.075 * spin, center, "checker", (ground, _CREAM), 1.5)


def _limb(start: Array, end: Array, radius: float, pattern: str, colors: tuple[tuple[float, float, float], ...]) -> Solid:
    return Solid("sphere", _limb_axes(start, end, radius, radius), (start + end) / 2, pattern, colors, 4.0)  # type: ignore[arg-type]


def _limb_axes(start: Array, end: Array, width: float, depth: float) -> Array:
    """Return the axes, as columns, of an ellipsoid that reaches slightly beyond both ends."""
    along = end - start
    forward = np.array([0.0, 1.0, 0.0])
    across = np.cross(forward, along)
    across /= np.linalg.norm(across)
    up = np.cross(across, along)
    return np.stack([0.62 * along, width * across, depth * up / np.linalg.norm(up)], axis=1)


def surface_points(solids: list[Solid]) -> NDArray[np.float32]:
    """Return points on all surfaces, (N, 3) meters, with the minimum and maximum of the scene."""
    return np.concatenate([solid.surface_points for solid in solids]).astype(np.float32)


def shade(solid: Solid, points: Array, normals: Array, directions: Array) -> Array:
    """Return the display-referred color of surface points seen along unit `directions`: diffuse plus a highlight."""
    diffuse = 0.45 + 0.55 * np.maximum(normals @ _LIGHT, 0)
    half = _LIGHT - directions
    half /= lengths(half)[:, None]
    highlight = 0.25 * np.maximum(dot(normals, half), 0) ** 24
    return np.clip(solid.paint(points) * diffuse[:, None] + highlight[:, None], 0, 1)


def render_scene(solids: list[Solid], camera: Camera, subpixels: int = SUBPIXELS) -> NDArray[np.float32]:
    """Render the scene, averaging `subpixels`^2 rays per pixel: (H, W, 4), premultiplied color and coverage."""
    fine = camera.resized(camera.width * subpixels, camera.height * subpixels)
    to_world, origin, width = fine.pixel_to_world, camera.center, fine.width
    depth, nearest = nearest_solids(solids, fine, margin=2 * subpixels)
    color = np.zeros((fine.height * width, 4), dtype=np.float32)
    for index, solid in enumerate(solids):
        seen = np.flatnonzero(nearest == index)
        if not seen.size:
            continue
        directions = pixel_directions(to_world, seen % width, seen // width)
        points = origin + depth.ravel()[seen, None] * directions
        color[seen, :3] = shade(solid, points, solid.normals(points), directions / lengths(directions)[:, None])
        color[seen, 3] = 1
    return mean_of_blocks(color.reshape(fine.height, width, 4), subpixels)


def nearest_solids(solids: list[Solid], camera: Camera, margin: int) -> tuple[Array, NDArray[np.int16]]:
    """Return what each pixel sees: its depth, (H, W) meters, infinite where nothing is, and the index of the solid, or -1.

    Args:
        solids: the scene.
        camera: the view.
        margin: pixels around the projections of a solid's points in which it is looked for.
    """
    size = camera.height, camera.width
    to_world, depth, nearest = camera.pixel_to_world, np.full(size, np.inf), np.full(size, -1, np.int16)
    for index, solid in enumerate(solids):
        x0, y0, x1, y1 = projected_bounds(camera, solid.surface_points, margin)
        if x0 >= x1 or y0 >= y1:
            continue
        region = np.s_[y0:y1, x0:x1]
        directions = pixel_directions(to_world, np.arange(x0, x1), np.arange(y0, y1)[:, None])
        t = solid.distances(camera.center, directions.reshape(-1, 3)).reshape(y1 - y0, x1 - x0)
        closer = t < depth[region]
        np.copyto(depth[region], t, where=closer)
        nearest[region][closer] = index
    return depth, nearest


def mean_of_blocks(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the means of blocks of `side`^2 pixels."""
    total = np.zeros_like(image[::side, ::side])
    for row, column in itertools.product(range(side), range(side)):
        total += image[row::side, column::side]
    total /= side**2
    return total


def projected_bounds(camera: Camera, points: Array, margin: int) -> tuple[int, int, int, int]:
    """Return the columns x0 to x1 and rows y0 to y1 (exclusive) that points cover, with a margin of `margin` pixels."""
    pixels, _ = camera.project(points)
    low, high = np.floor(pixels.min(axis=0)) - margin, np.ceil(pixels.max(axis=0)) + margin
    size = (camera.width, camera.height)
    x0, y0, x1, y1 = (int(min(max(value, 0), size[i % 2])) for i, value in enumerate((*low, *high)))
    return x0, y0, x1, y1


def pixel_directions(to_world: Array, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> Array:
    """Return the directions through the centers of pixels, (..., 3) in world axes, with depth 1.

    Args:
        to_world: `pixel_to_world` of the camera.
        columns, rows: arrays that broadcast to (...).
    """
    x, y = columns[..., None] + 0.5, rows[..., None] + 0.5
    return x * to_world[:, 0] + (y * to_world[:, 1] + to_world[:, 2])
