"""Splines through keyframes, for positions, rotations, camera intrinsics and monotone scalars."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from model.camera import Camera

Array = NDArray[np.float64]


def monotone_value(times: Sequence[float], values: Sequence[float], time: float) -> float:
    """Evaluate a smooth curve without overshoot through values at increasing times (Fritsch-Carlson) at `time`."""
    if len(times) == 1:
        return float(values[0])
    with np.errstate(over="ignore"):  # the harmonic mean of vanishing slopes
        return float(PchipInterpolator(times, values)(min(max(time, times[0]), times[-1])))


def blend_cameras(cameras: Sequence[Camera], times: Sequence[float], weight: float, tension: float) -> Camera:
    """Interpolate the camera between the second and the third of four keyframes.

    Positions follow a cardinal spline. Rotations follow the same spline on the sphere of unit quaternions (Bezier curve by
    repeated slerp). The principal point and the logarithm of the focal length are interpolated linearly.

    Args:
        cameras: four keyframes of one image size; at the ends of a path the outer ones repeat the inner ones.
        times: their times in seconds.
        weight: 0 at the second, 1 at the third.
        tension: 0 to 1.
    """
    centers = [camera.center for camera in cameras]
    center = cardinal(centers, times, weight, tension)
    rotations = [Rotation.from_matrix(camera.R) for camera in cameras]
    R = cardinal_rotation(rotations, times, weight, tension).as_matrix()
    first, second = cameras[1], cameras[2]
    K = (1 - weight) * first.K + weight * second.K
    for axis in (0, 1):
        K[axis, axis] = first.K[axis, axis] ** (1 - weight) * second.K[axis, axis] ** weight
    return Camera(first.width, first.height, K, R, -R @ center)


def cardinal(points: Sequence[Array], times: Sequence[float], weight: float, tension: float) -> Array:
    """Evaluate a cardinal spline with non-uniform times between the second and the third of four points."""
    span = times[2] - times[1]
    velocities = [
        (1 - tension) * _velocity(points[i] - points[i - 1], points[i + 1] - points[i], times[i - 1 : i + 2]) for i in (1, 2)
    ]
    w, v = weight, 1 - weight
    ends = (1 + 2 * w) * v * v * points[1] + w * w * (3 - 2 * w) * points[2]
    return ends + span * w * v * (v * velocities[0] - w * velocities[1])


def cardinal_rotation(rotations: Sequence[Rotation], times: Sequence[float], weight: float, tension: float) -> Rotation:
    """Evaluate the same spline for rotations: a cubic Bezier curve with the blended angular velocities at its ends."""
    span = times[2] - times[1]
    steps = [_difference(rotations[i], rotations[i + 1]) for i in range(3)]
    velocities = [(1 - tension) * _velocity(steps[i - 1], steps[i], times[i - 1 : i + 2]) for i in (1, 2)]
    curve = [
        rotations[1],
        rotations[1] * Rotation.from_rotvec(velocities[0] * span / 3),
        rotations[2] * Rotation.from_rotvec(-velocities[1] * span / 3),
        rotations[2],
    ]
    while len(curve) > 1:
        curve = [a * Rotation.from_rotvec(weight * _difference(a, b)) for a, b in itertools.pairwise(curve)]
    return curve[0]


def _velocity(before: Array, after: Array, times: Sequence[float]) -> Array:
    # Slope of the parabola through three points. At the ends of a path one step has no duration, and the other's slope is used.
    t0, t1 = times[1] - times[0], times[2] - times[1]
    if t0 <= 0 or t1 <= 0:
        return after / t1 if t1 > 0 else before / t0
    return (before / t0 * t1 + after / t1 * t0) / (t0 + t1)


def _difference(a: Rotation, b: Rotation) -> Array:
    # Rotation vector of the shortest rotation from a to b: b = a * exp(difference).
    return (a.inv() * b).as_rotvec()
