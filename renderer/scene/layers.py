"""Composite images of several volumes that share space: the mix within a slab of depth, and the order of separate boxes."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

MAX_OPACITY = 1 - 2**-20
"""Opacities count as at most this, so that their optical depth is finite."""


def mixed(layers: list[Floats]) -> Floats:
    """Composite volumes that fill the same slab of space as if each were spread evenly along it.

    Optical depths then add up, and each volume contributes in proportion to its own. The order does not matter.

    Args:
        layers: (H, W, 4) premultiplied color and opacity of each volume in the slab.

    Returns:
        (H, W, 4) premultiplied.
    """
    stack = np.stack(layers)
    opacity = np.minimum(stack[..., 3:], np.float32(MAX_OPACITY))
    depths = -np.log1p(-opacity)
    total = depths.sum(0)
    color = (stack[..., :3] / np.maximum(opacity, 1e-12) * depths).sum(0) / np.maximum(total, 1e-12)
    alpha = -np.expm1(-total)
    return np.concatenate([color * alpha, alpha], axis=-1)


def over(front: Floats, back: Floats) -> Floats:
    """Composite a premultiplied (H, W, 4) image over another one."""
    return front + (1 - front[..., 3:]) * back


def front_to_back(corners: list[Array], eye: Array) -> list[int] | None:
    """Return the order in which a camera sees convex boxes, if planes between them define one; None if boxes overlap.

    For two boxes with a plane between them, no ray from the eye meets the box on the other side first.

    Args:
        corners: (8, 3) corners of each box, of any orientation.
        eye: (3,) the camera's center.
    """
    behind: dict[int, set[int]] = {index: set() for index in range(len(corners))}
    for first, second in combinations(range(len(corners)), 2):
        side = _eye_side(corners[first], corners[second], eye)
        if side is None:
            return None
        front, back = (first, second) if side < 0 else (second, first)
        behind[back].add(front)
    order: list[int] = []
    while len(order) < len(corners):
        ready = [index for index in behind if index not in order and behind[index] <= set(order)]
        if not ready:
            return None  # each hides a part of the next one, in a circle
        order.append(ready[0])
    return order


def _eye_side(first: Array, second: Array, eye: Array) -> float | None:
    """Return below 0 if the eye is on the first box's side of a plane between them, else above 0; None without a plane."""
    edges = [box[[4, 2, 1]] - box[0] for box in (first, second)]
    axes = [np.cross(a, b) for a, b in (*permutations(edges[0], 2), *permutations(edges[1], 2))]
    axes += [np.cross(a, b) for a in edges[0] for b in edges[1]]
    for axis in axes:
        a, b = first @ axis, second @ axis
        if np.ptp(a) + np.ptp(b) == 0:
            continue  # parallel edges
        if a.max() <= b.min():
            return float(eye @ axis - (a.max() + b.min()) / 2)
        if b.max() <= a.min():
            return float((b.max() + a.min()) / 2 - eye @ axis)
    return None
