"""The GPU's memory: what images take, give back and do without."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import InputError
from model.config import RenderConfig
from renderer.backend import DeviceFailed
from renderer.cuda.renderer import CudaRenderer
from renderer.cuda.workspace import KEPT_IMAGES, MIN_CAPACITY
from tests.factories import make_camera
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.small_videos import FEW_SAMPLES, small_video

pytestmark = [pytest.mark.native, pytest.mark.gpu, pytest.mark.usefixtures("no_compiler")]

SMALL, LARGE = make_camera(8, 6), make_camera(64, 48)


def test_an_image_that_does_not_fit_is_rendered_in_smaller_bands() -> None:
    driver, video = EmulatedDriver(arena_bytes=400 << 20), small_video(**FEW_SAMPLES)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 0.0)
    wanted = renderer.render(frame, LARGE)
    largest, bytes_of_wanted = renderer.workspace.nbytes, driver.memory_used - renderer.workspace.nbytes
    renderer.workspace.release()
    pixels = 24 * 64 * 48  # bytes of color, depth and counts
    driver.memory_limit = bytes_of_wanted + pixels + largest * 6 // 10
    driver.launched.clear()
    image = renderer.render(frame, LARGE)
    assert np.array_equal(image.rgba, wanted.rgba) and np.array_equal(image.depth, wanted.depth)
    assert image.statistics.color_samples == wanted.statistics.color_samples
    assert [name for name, *_ in driver.launched].count("composite") > 1


def test_small_images_render_after_a_large_one_did_not_fit() -> None:
    driver, video = EmulatedDriver(arena_bytes=400 << 20), small_video(**FEW_SAMPLES)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 0.0)
    wanted = renderer.render(frame, SMALL).rgba
    driver.memory_limit = driver.memory_used + 1000
    with pytest.raises(InputError, match="out of memory"):
        renderer.render(frame, LARGE)
    assert renderer.workspace.nbytes == 0 and renderer.workspace.capacity == MIN_CAPACITY, "memory was not given back"
    driver.memory_limit = driver.memory_used + (2 << 20)
    assert np.array_equal(renderer.render(frame, SMALL).rgba, wanted)


def test_without_memory_for_one_row_the_next_backend_takes_over() -> None:
    driver, video = EmulatedDriver(arena_bytes=400 << 20), small_video(**FEW_SAMPLES)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 0.0)
    for room in (1000, 24 * 8 * 6 + 1000):  # not even for the pixels; for the pixels, but not for the buffers of one row
        driver.memory_limit = driver.memory_used + room
        with pytest.raises(DeviceFailed, match="out of memory"):
            renderer.render(frame, SMALL)


def test_the_pixels_of_an_image_take_the_place_of_buffers() -> None:
    driver, video = EmulatedDriver(arena_bytes=400 << 20), small_video(**FEW_SAMPLES)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 0.0)
    renderer.render(frame, LARGE)
    driver.memory_limit = driver.memory_used + 10_000  # the pixels need 24 bytes each, 73,728
    assert renderer.render(frame, LARGE).rgba.any()


def test_large_buffers_are_given_back_when_images_are_small_again() -> None:
    many = RenderConfig(steps_per_diagonal=96)  # the large image keeps more than twice the smallest capacity
    driver, video = EmulatedDriver(arena_bytes=400 << 20), small_video(render=many)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 0.0)
    renderer.render(frame, SMALL)
    small = renderer.workspace.nbytes
    renderer.render(frame, LARGE)
    assert renderer.workspace.nbytes > 1.4 * small
    for _ in range(KEPT_IMAGES - 1):
        renderer.render(frame, SMALL)
    assert renderer.workspace.nbytes > 1.4 * small, "a window that is enlarged and reduced in turn keeps its buffers"
    for _ in range(2):
        renderer.render(frame, SMALL)
    assert renderer.workspace.nbytes == small
