"""Render settings with crop boxes and depth ranges for the tests of every backend."""

import numpy as np
import torch
from numpy.typing import NDArray

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import RenderSettings
from renderer.reference.rays import camera_rays, intersect_box, place_samples

_AROUND = 2  # samples on both sides of the chosen one


def random_clips(video: VolumetricVideo, camera: Camera, seed: int) -> list[RenderSettings]:
    """Return settings that each leave something of what the camera sees of the first frame: a crop, ranges of depths, and both.

    All of them contain a stretch of a ray that is four samples long, chosen at random among those whose five samples lie in
    occupied cells. It crosses at most three borders of cells, since cells are longer. So one of its four intervals is in a
    single cell, which is occupied, and a sample lies there wherever the first one of the ray is.

    Args:
        video: its cells are at least four samples long.
        camera: a view that has some occupied cells in it.
        seed: of the choice.
    """
    random = np.random.default_rng(seed)
    box, occupancy = video.box_and_occupancy(0.0)
    step = RenderSettings().step(video.config.render, box, camera.center)
    place, depth = _seen_place(box, occupancy, camera, step, random)
    low, high = box.astype(float)
    reach = (_AROUND + 0.5) * step
    lower = np.minimum(low + random.uniform(-0.1, 0.4, 3) * (high - low), place - reach)
    upper = np.maximum(low + random.uniform(0.6, 1.1, 3) * (high - low), place + reach)
    crop = tuple(lower.tolist()), tuple(upper.tolist())
    near, far = depth - random.uniform(reach, 0.7), depth + random.uniform(reach, 0.7)
    ranges = RenderSettings(depth_range=(near, far)), RenderSettings(depth_range=(near, np.inf))
    return [RenderSettings(crop=crop), *ranges, RenderSettings(crop=crop, depth_range=(0.0, far))]  # type: ignore[arg-type]


def _seen_place(
    box: NDArray[np.float32], occupancy: NDArray[np.bool_], camera: Camera, step: float, random: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Return a random sample, (3,) meters, and its depth, of those with enough samples before and behind them on their ray."""
    (origin, directions, z), bounds = camera_rays(camera), torch.from_numpy(box)
    near, far = intersect_box(origin, directions, bounds)
    distances = near[:, None] + (torch.arange(int((far - near).max() / step) + 2) + 0.5) * step
    found = place_samples(origin, directions, distances, far, bounds, torch.from_numpy(occupancy))
    ray, distance = found[0].numpy(), found[2].numpy().astype(float)
    length = 2 * _AROUND
    whole = (ray[length:] == ray[:-length]) & (np.abs(distance[length:] - distance[:-length] - length * step) < 0.1 * step)
    middle = _AROUND + random.choice(np.flatnonzero(whole))
    chosen = ray[middle]
    return origin.double().numpy() + distance[middle] * directions[chosen].double().numpy(), distance[middle] * float(z[chosen])
