"""What makes tests of training fast: scenes that are built once for all tests of a module, and smaller models."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import pytest

from training.captures.opening import open_capture
from training.config import DataConfig, TrainingConfig
from training.loop.scene import Scene, build_scene
from training.loop.workers import worker_pool


def shrink_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the encoder see views of 128 pixels along a side instead of 512. The preset `paper` is tested with all of them."""
    for module in ("encoder", "step"):
        monkeypatch.setattr(f"training.loop.{module}.INPUT_RESOLUTION", 128)


def with_single_points(config: TrainingConfig) -> TrainingConfig:
    """Return a config in which updates of the occupancy grids look at one point of each cell, instead of 27 in `tiny`."""
    occupancy = dataclasses.replace(config.model.occupancy, subgrid=1)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, occupancy=occupancy))


@cache
def scene_of(capture: Path, config: DataConfig) -> Scene:
    """Return the scene of a capture. It takes longer to build than a few steps of training."""
    with worker_pool(2) as pool:
        return build_scene(open_capture(capture), config, pool)
