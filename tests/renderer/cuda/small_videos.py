"""Videos and images that are small enough for the emulated GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.config import HashEncodingConfig, RenderConfig
from model.video import VolumetricVideo
from renderer.backend import RenderedImage
from tests.factories import make_config, make_video

WIDTH, HEIGHT = 14, 10
"""Size of the images, pixels."""

HASH = HashEncodingConfig(num_levels=16, log2_table_size=9, base_resolution=4, finest_resolution=20)
"""Small tables, and grids with few nodes."""

SMALL: dict[str, object] = {"color_map_resolution": 4, "hash": HASH, "render": RenderConfig(steps_per_diagonal=48)}
"""Changes of the test configuration."""

FEW_SAMPLES: dict[str, Any] = {"color_map_resolution": 2, "render": RenderConfig(steps_per_diagonal=24)}
"""Further changes, for tests that do not depend on the number of samples and color heads."""

VARIANTS: dict[str, dict[str, object]] = {
    "paper": {},
    "blended": {"assignment": "bilinear"},
    "harmonics": {"view_encoding": "spherical_harmonics"},
    "one plane": {"mlp_planes": ("xz",)},
    "three alike": {"mlp_planes": ("xy", "xy", "xy"), "assignment": "bilinear"},
    "one head": {"color_map_resolution": 1, "assignment": "bilinear"},
    "few levels": {"hash": HashEncodingConfig(num_levels=5, features_per_level=4, log2_table_size=9, finest_resolution=24)},
    "steps": {"render": RenderConfig(steps_per_diagonal=31, weight_threshold=0.02)},
}
"""Configurations of the tests: what each changes."""


def small_video(seed: int = 0, **overrides: object) -> VolumetricVideo:
    """Make a random small video."""
    return make_video(seed=seed, config=make_config(**{**SMALL, **overrides}))


def psnr(image: RenderedImage, wanted: RenderedImage) -> float:
    """Return the PSNR of an image, dB."""
    error = float(((image.rgba - wanted.rgba) ** 2).mean())
    return -10 * np.log10(max(error, 1e-12))
