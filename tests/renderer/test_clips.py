"""The random clips of the backends' tests leave something for every seed. This is found by geometry: nothing is rendered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from model.camera import Camera
from renderer.backend import RenderSettings
from renderer.reference.rays import camera_rays
from renderer.reference.renderer import sample_rays
from tests.factories import make_camera, make_config
from tests.renderer.clips import random_clips

CELLS = 144
"""Occupied cells of 240, as many as in the backends' tests."""


class BoxOfCells:
    """A box with occupied cells, as that of a frame of `make_video`."""

    def __init__(self, seed: int, cells: int) -> None:
        random = np.random.default_rng(seed)
        self.config = make_config()
        corners = np.array([[-0.8, -0.6, 0.0], [0.7, 0.9, 2.0]]) + 0.1 * random.normal(size=(2, 3))
        self.box = corners.astype(np.float32)
        size = self.config.occupancy.resolution
        self.occupancy = (random.permutation(int(np.prod(size))) < cells).reshape(size)

    def box_and_occupancy(self, _: float) -> tuple[np.ndarray, np.ndarray]:
        """Return both."""
        return self.box, self.occupancy


def samples_left(video: BoxOfCells, camera: Camera, settings: RenderSettings) -> int:
    """Return the number of samples that the reference takes."""
    origin, directions, z = camera_rays(camera)
    frame: Any = SimpleNamespace(box=torch.from_numpy(video.box), occupancy=torch.from_numpy(video.occupancy))
    step = settings.step(video.config.render, video.box, origin.numpy())
    return len(sample_rays(frame, origin, directions, step, settings, z).rays)


def lost(seed: int, cells: int) -> list[RenderSettings]:
    """Return the clips of a seed that leave nothing."""
    video, camera = BoxOfCells(seed, cells), make_camera(37, 29, azimuth=seed % 7)
    clips = random_clips(video, camera, seed)  # type: ignore[arg-type]
    assert len(clips) == 4
    return [clip for clip in clips if not samples_left(video, camera, clip)]


@pytest.mark.slow
def test_every_clip_leaves_something() -> None:
    first = int(np.random.default_rng().integers(1 << 30))
    for seed in range(first, first + 300):
        assert not lost(seed, CELLS), f"seed {seed}"


@pytest.mark.slow
def test_clips_of_sparse_cells_leave_something() -> None:
    """Of 240 cells, 12 are occupied: a clip that was not made for one of them would miss it."""
    first = int(np.random.default_rng().integers(1 << 30))
    for seed in range(first, first + 100):
        assert not lost(seed, 12), f"seed {seed}"


def test_clips_differ_and_cut_something_off() -> None:
    camera = make_camera(37, 29)
    for seed in range(10):
        video = BoxOfCells(seed, CELLS)
        whole = samples_left(video, camera, RenderSettings())
        left = [samples_left(video, camera, clip) for clip in random_clips(video, camera, seed)]  # type: ignore[arg-type]
        assert min(left) < 0.9 * whole and left[3] <= left[0] and left[1] <= left[2]
