"""Scenes of captures that no test changes, built once for all tests of a module."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from training.captures.opening import open_capture
from training.config import DataConfig
from training.loop.scene import Scene, build_scene
from training.loop.trainer import worker_pool


@cache
def scene_of(capture: Path, config: DataConfig) -> Scene:
    """Return the scene of a capture. It takes longer to build than a few steps of training."""
    with worker_pool(2) as pool:
        return build_scene(open_capture(capture), config, pool)
