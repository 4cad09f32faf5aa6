"""The memory of images is used again as soon as nobody needs it, and not sooner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from renderer.cpu.renderer import CpuRenderer
from tests.factories import make_camera, make_video

native = pytest.importorskip("mlpvid_kernels")

BYTES = 6_000_000


def address(array: np.ndarray[Any, Any]) -> int:
    """Return where an array begins."""
    return int(array.__array_interface__["data"][0])


def test_memory_that_is_free_is_used_again() -> None:
    engine = native.Engine(1)
    first = engine.image_memory(BYTES)
    part, place = first[100:200], address(first)
    part[:] = 7
    del first
    second = engine.image_memory(BYTES)
    assert address(second) != place, "a part of the first one is still needed"
    second[:] = 1
    assert (part == 7).all()
    del part
    third = engine.image_memory(BYTES + 1000)  # a size that differs a little
    assert address(third) == place and len(third) == BYTES + 1000


def test_memory_outlives_its_engine() -> None:
    memory = native.Engine(1).image_memory(BYTES)
    memory[:] = 3
    assert (memory == 3).all()


def test_every_pixel_of_an_image_is_written() -> None:
    renderer, video = CpuRenderer(2), make_video(seed=1, occupied=0.05)
    frame, camera = renderer.prepare(video, 0.0), make_camera(150, 130)
    expected = renderer.render(frame, camera)
    assert 0.1 < (expected.counts[..., 0] == 0).mean() < 0.99, "some rays meet nothing"
    arrays = [array.copy() for array in (expected.rgba, expected.depth, expected.counts)]
    del expected
    memory = renderer.engine.image_memory(24 * 150 * 130)
    memory[:] = 255  # NaN, as floats
    place = address(memory)
    del memory
    image = renderer.render(frame, camera)
    assert address(image.rgba) == place
    for found, before in zip((image.rgba, image.depth, image.counts), arrays, strict=True):
        assert (found == before).all()
