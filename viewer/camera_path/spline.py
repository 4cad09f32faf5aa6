"""Splines through keyframes, for positions, rotations, camera intrinsics and monotone scalars."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.rotation import (
    inverse,
    matrix_from_quaternion,
    multiply,
    quaternion_from_matrix,
    quaternion_from_vector,
    vector_from_quaternion,
)

Array = NDArray[np.float64]


def monotone_value(times: Sequence[float], values: Sequence[float], time: float) -> float:
    """Evaluate a smooth curve without overshoot through values at increasing times at `time`.

    The curve is a cubic Hermite spline whose slopes keep it monotone between two values (Fritsch and Butland, "A method for
    constructing local monotone piecewise cubic interpolants", 1984). Before the first and after the last time it is constant.
    """
    if not times[0] < time < times[-1]:
        return float(values[0] if time <= times[0] else values[-1])
    k = bisect.bisect_right(times, time) - 1
    span = times[k + 1] - times[k]
    w = (time - times[k]) / span
    v = 1 - w
    ends = (1 + 2 * w) * v * v * values[k] + w * w * (3 - 2 * w) * values[k + 1]
    return float(ends + span * w * v * (v * _monotone_slope(times, values, k) - w * _monotone_slope(times, values, k + 1)))


def _monotone_slope(times: Sequence[float], values: Sequence[float], k: int) -> float:
    """Return the slope at a time: 0 at an extremum, otherwise a harmonic mean of the slopes on both sides."""
    spans, slopes = _steps(times, values, k)
    if len(slopes) == 1:
        return slopes[0]
    if 0 < k < len(times) - 1:
        if not slopes[0] * slopes[1] > 0:
            return 0.0
        weights = (spans[0] + 2 * spans[1], 2 * spans[0] + spans[1])
        return sum(weights) / (weights[0] / slopes[0] + weights[1] / slopes[1])
    outer, inner = (0, 1) if k == 0 else (1, 0)
    total = spans[0] + spans[1]
    slope = ((2 * spans[outer] + spans[inner]) * slopes[outer] - spans[outer] * slopes[inner]) / total
    if not slope * slopes[outer] > 0:
        return 0.0
    return min(slope, 3 * slopes[outer], key=abs) if slopes[0] * slopes[1] < 0 else slope


def _steps(times: Sequence[float], values: Sequence[float], k: int) -> tuple[list[float], list[float]]:
    """Return length and slope of the two intervals around a time, or the two at an end of the curve, or the only one."""
    first = max(min(k - 1, len(times) - 3), 0)
    intervals = range(first, min(first + 2, len(times) - 1))
    spans = [times[i + 1] - times[i] for i in intervals]
    return spans, [(values[i + 1] - values[i]) / span for i, span in zip(intervals, spans, strict=True)]


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
    rotations = quaternion_from_matrix([camera.R for camera in cameras])
    R = matrix_from_quaternion(cardinal_rotation(rotations, times, weight, tension))
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


def cardinal_rotation(rotations: Array, times: Sequence[float], weight: float, tension: float) -> Array:
    """Evaluate the same spline for rotations: a cubic Bezier curve with the blended angular velocities at its ends.

    Args:
        rotations: (4, 4), four unit quaternions as in `model.rotation`.
        times, weight, tension: as in `cardinal`.

    Returns:
        A unit quaternion.
    """
    span = times[2] - times[1]
    steps = [_difference(rotations[i], rotations[i + 1]) for i in range(3)]
    velocities = [(1 - tension) * _velocity(steps[i - 1], steps[i], times[i - 1 : i + 2]) for i in (1, 2)]
    curve = [
        rotations[1],
        _turned(rotations[1], velocities[0] * span / 3),
        _turned(rotations[2], -velocities[1] * span / 3),
        rotations[2],
    ]
    while len(curve) > 1:
        curve = [_turned(a, weight * _difference(a, b)) for a, b in itertools.pairwise(curve)]
    return curve[0]


def _velocity(before: Array, after: Array, times: Sequence[float]) -> Array:
    # Slope of the parabola through three points. At the ends of a path one step has no duration, and the other's slope is used.
    t0, t1 = times[1] - times[0], times[2] - times[1]
    if t0 <= 0 or t1 <= 0:
        return after / t1 if t1 > 0 else before / t0
    return (before / t0 * t1 + after / t1 * t0) / (t0 + t1)


def _difference(a: Array, b: Array) -> Array:
    # Rotation vector of the shortest rotation from a to b: b = a * exp(difference).
    return vector_from_quaternion(multiply(inverse(a), b))


def _turned(rotation: Array, vector: Array) -> Array:
    return multiply(rotation, quaternion_from_vector(vector))
