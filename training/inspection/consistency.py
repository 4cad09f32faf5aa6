"""Measure how well the masks of several cameras agree: how far the ray of each subject pixel stays outside the other masks.

If calibration and masks are right, the ray of a subject pixel meets the subject somewhere. That point lies inside the masks of
all cameras that see it. At each depth, a point of the ray misses some mask most. The gap of the pixel is the smallest of these
distances over all depths. It is 0 within the precision of masks and depths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.inspection.camera_model import CameraModel
from training.inspection.silhouette import Silhouette

Floats = NDArray[np.float64]
Points = NDArray[np.float32]

COARSE_DEPTHS, KEPT, FINE_DEPTHS = 40, 3, 6
"""Depths per ray in the first pass, number of best depths that are refined, and depths around each of these in the second."""

MAX_GAP = 0.4
"""Gaps are limited to this share of the subject's radius in the image."""

UNSEEN = np.float32(-1)
_UNSEEN_COST = 0.02  # a depth that a camera does not see counts as this far outside its mask
_TOLERANCE = 0.75  # mask pixels: the error of an outline that is rounded to pixels


@dataclass(frozen=True, eq=False)
class Evidence:
    """How far points on the rays of all cameras' subject pixels are outside all masks, in one frame."""

    points: Points
    """(3, n, P, Z), coordinates of Z points on each of P rays of n cameras."""
    outside: NDArray[np.float32]
    """(n, P, Z, n), distance of point (k, p, z) from the mask of camera j, as a share of the subject's radius there; `UNSEEN`
    where camera j does not see it or is camera k."""

    def gaps(self, trusted: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the gaps of the subject pixels of trusted cameras, from the masks of the other trusted ones, (m, P)."""
        return smallest_gap(self.outside[trusted][..., trusted], _required_views(len(trusted) - 1))

    def gaps_without_each(self, trusted: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the gaps of trusted cameras, from the masks of the other trusted ones without each one in turn, (m, P, m)."""
        outside = self.outside[trusted][..., trusted]
        worst = outside.argmax(axis=-1)
        first = np.take_along_axis(outside, worst[..., None], axis=-1)[..., 0]
        second = np.partition(outside, -2, axis=-1)[..., -2] if len(trusted) > 1 else first
        seen = outside >= 0
        views = seen.sum(axis=-1)
        required = _required_views(len(trusted) - 2)
        gaps = []
        for left_out in range(len(trusted)):
            rest = np.where(worst == left_out, second, first)
            enough = views - seen[..., left_out] >= required
            gaps.append(np.where(enough, rest, np.float32(MAX_GAP)).min(axis=-1))
        return np.stack(gaps, axis=-1)


def _required_views(others: int) -> int:
    return min(2, others)


def smallest_gap(outside: NDArray[np.float32], required: int) -> NDArray[np.float32]:
    """Return the smallest gap along each ray, (..., P) from (..., P, Z, n); depths that too few cameras see do not count."""
    worst = outside.max(axis=-1)
    seen = (outside >= 0).sum(axis=-1) >= required
    return np.where(seen, worst, np.float32(MAX_GAP)).min(axis=-1)


def outside_mask(camera: CameraModel, silhouette: Silhouette, points: Points) -> NDArray[np.float32]:
    """Return the distance of points (3, ...) from a mask as a share of the subject's radius, (...); `UNSEEN` out of sight."""
    column, row, front = camera.project(points)
    distance, seen = silhouette.lookup(column, row)
    relative = np.clip((distance - _TOLERANCE) / silhouette.radius, 0, MAX_GAP)
    return np.where(front & seen, relative, UNSEEN)


def collect(cameras: list[CameraModel], silhouettes: list[Silhouette], rows: list[int] | None = None) -> Evidence:
    """Collect the evidence of one frame. Depths are refined where the points of a ray miss the other masks least.

    Args:
        cameras: n cameras.
        silhouettes: their masks.
        rows: the m cameras whose subject pixels are tested; None means all. The first axis of the result follows it.
    """
    rows = list(range(len(cameras))) if rows is None else rows
    focus, radius = subject_sphere(cameras, silhouettes)
    starts, directions, reach, ahead = sample_rays([cameras[i] for i in rows], [silhouettes[i] for i in rows], focus, radius)

    def test_depths(depths: Points) -> tuple[Points, NDArray[np.float32]]:
        points = np.moveaxis(starts, -1, 0)[..., None] + depths * np.moveaxis(directions, -1, 0)[..., None]
        outside = np.stack([outside_mask(c, s, points) for c, s in zip(cameras, silhouettes, strict=True)], axis=-1)
        outside[np.arange(len(rows)), ..., rows] = UNSEEN
        outside[ahead[..., None] + depths <= 0] = UNSEEN  # behind the camera
        return points, outside

    steps = np.linspace(-1, 1, COARSE_DEPTHS, dtype=np.float32)
    coarse = reach[..., None] * steps
    points, outside = test_depths(coarse)
    outside_sum = np.where(outside < 0, np.float32(_UNSEEN_COST), outside).sum(axis=-1)
    best = np.argsort(outside_sum, axis=-1)[..., :KEPT]
    offsets = np.linspace(-1, 1, FINE_DEPTHS + 2, dtype=np.float32)[1:-1] * (steps[1] - steps[0])
    fine = np.take_along_axis(coarse, best, axis=-1)[..., None] + reach[..., None, None] * offsets
    fine_points, fine_outside = test_depths(fine.reshape(*reach.shape, -1))
    return Evidence(np.concatenate([points, fine_points], axis=-1), np.concatenate([outside, fine_outside], axis=2))


def sample_rays(
    cameras: list[CameraModel], silhouettes: list[Silhouette], focus: Floats, radius: float
) -> tuple[Points, Points, NDArray[np.float32], NDArray[np.float32]]:
    """Return the rays of all subject pixels: their points nearest to the focus (n, P, 3), their directions (n, P, 3), how far
    from these points they stay in the sphere around the focus (n, P), and the points' distances from the cameras (n, P)."""
    directions = np.stack([c.directions(s.samples) for c, s in zip(cameras, silhouettes, strict=True)])
    origins = np.stack([camera.center for camera in cameras]).astype(np.float32)[:, None]
    offset = focus.astype(np.float32) - origins
    along = (directions * offset).sum(axis=-1, keepdims=True)
    starts = origins + along * directions
    miss = np.linalg.norm(focus.astype(np.float32) - starts, axis=-1)
    reach = radius * np.sqrt(np.clip(1 - (miss / radius) ** 2, 0.05, 1))
    return starts, directions, reach.astype(np.float32), along[..., 0]


def subject_sphere(cameras: list[CameraModel], silhouettes: list[Silhouette]) -> tuple[Floats, float]:
    """Return the center and radius of a sphere that contains the subject: the rays through the masks' centers meet there."""
    focus = meeting_point(cameras, silhouettes)[0]
    sizes = []
    for camera, silhouette in zip(cameras, silhouettes, strict=True):
        distance = float(np.linalg.norm(camera.center - focus))
        pixels = silhouette.radius / float(silhouette.scale.mean())
        sizes.append(distance * pixels / abs(camera.K[0, 0]))
    return focus, 1.4 * max(float(np.quantile(sizes, 0.75)), 1e-9)


def meeting_point(cameras: list[CameraModel], silhouettes: list[Silhouette]) -> tuple[Floats, Floats]:
    """Return the point nearest to the rays through the masks' centers, (3,), and its distance from each of them, (n,).

    Distances count linearly (Weiszfeld's iteration), so that a few wrong cameras do not move the point.
    """
    pairs = zip(cameras, silhouettes, strict=True)
    directions = np.stack([c.directions(s.center[None])[0] for c, s in pairs]).astype(np.float64)
    origins = np.stack([camera.center for camera in cameras])
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    nearest = (across @ origins[:, :, None])[..., 0]
    weights = np.ones(len(cameras))
    point = np.zeros(3)
    for _ in range(20):
        A = (weights[:, None, None] * across).sum(axis=0)
        b = (weights[:, None] * nearest).sum(axis=0)
        point = np.linalg.lstsq(A, b, rcond=None)[0]
        distances = np.linalg.norm((across @ (point - origins)[:, :, None])[..., 0], axis=1)
        weights = 1 / np.maximum(distances, 1e-3 * distances.mean() + 1e-12)
    return point, distances
