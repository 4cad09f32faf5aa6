"""Measure how well the masks of several cameras agree: how far the ray of each subject pixel stays outside the other masks.

If calibration and masks are right, the ray of a subject pixel meets the subject somewhere. That point lies inside the masks of
all cameras that see it. At each depth, a point of the ray misses some mask most. The gap of the pixel is the smallest of these
distances over all depths. It is 0 within the precision of masks and depths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.inspection.camera_model import CameraModel, Rays, project_together
from training.inspection.silhouette import MAX_GAP, UNSEEN, Silhouette

Floats = NDArray[np.float64]
Points = NDArray[np.float32]

COARSE_DEPTHS, KEPT, FINE_DEPTHS = 40, 3, 6
"""Depths per ray in the first pass, number of best depths that are refined, and depths around each of these in the second."""

_TOGETHER = 1 << 15  # number of points times cameras that are projected at once; all coordinates fit in a core's cache
_UNSEEN_COST = 0.02  # a depth that a camera does not see counts as this far outside its mask


@dataclass(frozen=True, eq=False)
class Evidence:
    """How far points on the rays of all cameras' subject pixels are outside all masks, in one frame."""

    rays: Rays
    """P rays of each of m cameras, (m, P), with Z points each."""
    outside: NDArray[np.float32]
    """(n, Z, m, P), distance of point z on ray (k, p) from the mask of camera j, as a share of the subject's radius there;
    `UNSEEN` where camera j does not see it or is camera k. The long axes are the last ones because NumPy is fast there."""

    def gaps(self, trusted: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the gaps of the subject pixels of trusted cameras, from the masks of the other trusted ones, (m, P)."""
        return smallest_gap(self._among(trusted), _required_views(len(trusted) - 1))

    def gaps_without_each(self, trusted: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the gaps of trusted cameras, from the masks of the other trusted ones without each one in turn, (m, P, m)."""
        outside = self._among(trusted)
        first, second = outside[0].copy(), np.full_like(outside[0], UNSEEN)
        for other in outside[1:]:
            np.maximum(second, np.minimum(first, other), out=second)
            np.maximum(first, other, out=first)
        seen = outside >= 0
        views = seen.sum(axis=0, dtype=np.int16)
        required = _required_views(len(trusted) - 2)
        gaps = []
        for left_out, own_view in zip(outside, seen, strict=True):
            rest = np.where(left_out == first, second, first)  # if another camera's distance is the same, `second` is too
            rest[views - own_view < required] = MAX_GAP
            gaps.append(rest.min(axis=0))
        return np.stack(gaps, axis=-1)

    def _among(self, trusted: NDArray[np.intp]) -> NDArray[np.float32]:
        everyone = np.array_equal(trusted, np.arange(len(self.outside)))
        return self.outside if everyone else self.outside[trusted][:, :, trusted]


def _required_views(others: int) -> int:
    return min(2, others)


def smallest_gap(outside: NDArray[np.float32], required: int) -> NDArray[np.float32]:
    """Return the smallest gap along each ray, (...) from (n, Z, ...); depths that too few cameras see do not count."""
    return largest_distance(outside, required).min(axis=0)


def largest_distance(outside: NDArray[np.float32], required: int) -> NDArray[np.float32]:
    """Return how far each point is outside the mask that it misses most, (...) from (n, ...); `MAX_GAP` if too few see it."""
    worst = outside.max(axis=0)
    worst[(outside >= 0).sum(axis=0, dtype=np.int16) < required] = MAX_GAP
    return worst


def outside_mask(camera: CameraModel, silhouette: Silhouette, points: Points | Rays) -> NDArray[np.float32]:
    """Return the distance of points from a mask as a share of the subject's radius; `UNSEEN` out of sight.

    Args:
        camera, silhouette: the camera and its mask.
        points: (3, ...) or rays; the result has the shape of the points.
    """
    column, row, front = camera.project(points, silhouette.pixels)
    outside = silhouette.outside(column, row)
    if not front.all():
        outside[~front] = UNSEEN
    return outside


def outside_masks(cameras: list[CameraModel], silhouettes: list[Silhouette], rays: Rays, results: NDArray[np.float32]) -> None:
    """Write the distances of points on rays from the masks of n cameras, as `outside_mask` returns them, to (n, Z, ...)."""
    for lens in {camera.lens for camera in cameras}:
        alike = [index for index, camera in enumerate(cameras) if camera.lens == lens]
        count = max(1, _TOGETHER // max(rays.depths.size, 1))
        for chosen in (alike[first : first + count] for first in range(0, len(alike), count)):
            pixels = [silhouettes[index].pixels for index in chosen]
            columns, rows, front = project_together([cameras[index] for index in chosen], rays, pixels)
            for index, column, row in zip(chosen, columns, rows, strict=True):
                results[index] = silhouettes[index].outside(column, row)
            if not front.all():
                for index, visible in zip(chosen, front, strict=True):
                    results[index][~visible] = UNSEEN


def collect(
    cameras: list[CameraModel],
    silhouettes: list[Silhouette],
    rows: list[int] | None = None,
    sphere: tuple[Floats, float] | None = None,
) -> Evidence:
    """Collect the evidence of one frame. Depths are refined where the points of a ray miss the other masks least.

    Args:
        cameras: n cameras.
        silhouettes: their masks.
        rows: the m cameras whose subject pixels are tested; None means all. The axis m of the result follows it.
        sphere: where rays are tested, as `subject_sphere` returns it; None means that of these cameras.
    """
    rows = list(range(len(cameras))) if rows is None else rows
    focus, radius = subject_sphere(cameras, silhouettes) if sphere is None else sphere
    starts, directions, reach, ahead = sample_rays([cameras[i] for i in rows], [silhouettes[i] for i in rows], focus, radius)

    steps = np.linspace(-1, 1, COARSE_DEPTHS, dtype=np.float32)
    coarse = reach * steps[:, None, None]
    outside = np.empty((len(cameras), COARSE_DEPTHS + KEPT * FINE_DEPTHS, *reach.shape), np.float32)

    def test_depths(depths: Points, results: NDArray[np.float32]) -> None:
        rays = Rays(starts, directions, depths)
        outside_masks(cameras, silhouettes, rays, results)
        results[rows, :, np.arange(len(rows))] = UNSEEN
        behind = depths <= -ahead
        if behind.any():
            results[:, behind] = UNSEEN

    test_depths(coarse, outside[:, :COARSE_DEPTHS])
    fine = _refined(coarse, outside[:, :COARSE_DEPTHS], reach * (steps[1] - steps[0]))
    test_depths(fine, outside[:, COARSE_DEPTHS:])
    return Evidence(Rays(starts, directions, np.concatenate([coarse, fine])), outside)


def _refined(coarse: Points, outside: NDArray[np.float32], spacing: NDArray[np.float32]) -> Points:
    """Return depths around the best depths of each ray, (KEPT * FINE_DEPTHS, ...)."""
    cost = outside.sum(axis=0) + np.float32(_UNSEEN_COST - UNSEEN) * (outside < 0).sum(axis=0, dtype=np.int16)
    best = np.argpartition(cost, KEPT, axis=0)[:KEPT]
    offsets = np.linspace(-1, 1, FINE_DEPTHS + 2, dtype=np.float32)[1:-1, None, None, None] * spacing
    return (np.take_along_axis(coarse, best, axis=0) + offsets).reshape(-1, *spacing.shape)


def sample_rays(
    cameras: list[CameraModel], silhouettes: list[Silhouette], focus: Floats, radius: float
) -> tuple[Points, Points, NDArray[np.float32], NDArray[np.float32]]:
    """Return the rays of all subject pixels: their points nearest to the focus (3, n, P), their directions (3, n, P), how far
    from these points they stay in the sphere around the focus (n, P), and the points' distances from the cameras (n, P)."""
    directions = np.stack([c.directions(s.samples).T for c, s in zip(cameras, silhouettes, strict=True)], axis=1)
    origins = np.stack([camera.center for camera in cameras], axis=1).astype(np.float32)[..., None]
    offset = focus.astype(np.float32)[:, None, None] - origins
    along = (directions * offset).sum(axis=0)
    starts = origins + along * directions
    miss = np.linalg.norm(focus.astype(np.float32)[:, None, None] - starts, axis=0)
    reach = radius * np.sqrt(np.clip(1 - (miss / radius) ** 2, 0.05, 1))
    return starts, directions, reach.astype(np.float32), along


def subject_sphere(cameras: list[CameraModel], silhouettes: list[Silhouette]) -> tuple[Floats, float]:
    """Return center (3,) and radius of a sphere that contains the subject: the rays through the masks' centers meet there."""
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
    point: Floats = np.zeros(3)
    for _ in range(20):
        A = (weights @ across.reshape(-1, 9)).reshape(3, 3)
        before, point = point, np.linalg.lstsq(A, weights @ nearest, rcond=None)[0].astype(np.float64)
        missing = across @ point - nearest
        distances = np.sqrt(np.einsum("ij,ij->i", missing, missing))
        if np.abs(point - before).max() < 1e-3 * distances.mean():
            break
        weights = 1 / np.maximum(distances, 1e-3 * distances.mean() + 1e-12)
    return point, distances
