"""Render settings with crop boxes and depth ranges for the tests of every backend."""

import numpy as np

from model.video import VolumetricVideo
from renderer.backend import RenderSettings


def random_clips(video: VolumetricVideo, seed: int) -> list[RenderSettings]:
    """Return settings that each leave a part of the first frame: a crop, a range of depths, and both."""
    random = np.random.default_rng(seed)
    low, high = video.box_and_occupancy(0.0)[0].astype(float)
    lower = low + random.uniform(-0.1, 0.4, 3) * (high - low)
    upper = low + random.uniform(0.6, 1.1, 3) * (high - low)
    crop = tuple(lower.tolist()), tuple(upper.tolist())
    near, far = random.uniform(2.0, 2.9), random.uniform(3.0, 3.8)
    ranges = RenderSettings(depth_range=(near, far)), RenderSettings(depth_range=(near, np.inf))
    return [RenderSettings(crop=crop), *ranges, RenderSettings(crop=crop, depth_range=(0.0, far))]  # type: ignore[arg-type]
