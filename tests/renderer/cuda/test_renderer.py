"""The CUDA renderer with its real kernels on the emulated GPU, against the reference."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import torch

import renderer.cuda.renderer as cuda_module
from common.errors import InputError
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, RenderCancelled, RenderedImage, RenderSettings
from renderer.cuda.renderer import CudaRenderer
from renderer.cuda.structs import GROUP_THREADS
from renderer.cuda.workspace import MIN_CAPACITY
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera
from tests.renderer.clips import random_clips
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.small_videos import HEIGHT, VARIANTS, WIDTH, psnr, small_video

pytestmark = [pytest.mark.native, pytest.mark.gpu]


def reference(video: VolumetricVideo, time: float, camera: Camera, **options: object) -> RenderedImage:
    renderer = ReferenceRenderer()
    return renderer.render(renderer.prepare(video, time), camera, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("tensor_cores", [True, False], ids=["matrix", "plain"])
@pytest.mark.parametrize("name", VARIANTS)
def test_images_equal_the_reference(driver: EmulatedDriver, name: str, tensor_cores: bool) -> None:
    video = small_video(seed=len(name), **VARIANTS[name])
    camera, time = make_camera(WIDTH, HEIGHT, azimuth=1.0), 1.3
    driver.seed = 1000 * len(name)
    renderer = CudaRenderer(driver, tensor_cores=tensor_cores)
    image = renderer.render(renderer.prepare(video, time), camera)
    wanted = reference(video, time, camera)
    assert wanted.rgba[..., 3].mean() > 0.15, "an empty image proves nothing"
    assert psnr(image, wanted) > 70  # 45 is required; half precision reaches more
    assert np.abs(image.depth - wanted.depth).max() < 2e-3
    kept = np.abs(image.counts[..., 1].astype(int) - wanted.counts[..., 1])
    assert kept.max() <= 1 and kept.mean() < 0.02
    assert (image.counts[..., 0] <= wanted.counts[..., 0] + 1).all()  # opaque rays end early
    assert image.statistics.color_samples == int(image.counts[..., 1].sum())
    assert image.statistics.density_samples == int(image.counts[..., 0].sum())


def test_order_of_threads_does_not_show(driver: EmulatedDriver) -> None:
    video, camera = small_video(assignment="bilinear"), make_camera(WIDTH, HEIGHT)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 1.0)
    first = renderer.render(frame, camera)
    slots = renderer.workspace.tensors["pixels"].clone()
    for seed, resident in ((101, 1), (202, 4), (303, 2)):
        driver.seed, driver.resident_blocks = seed, resident
        again = renderer.render(frame, camera)
        for name in ("rgba", "depth", "counts"):
            assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert not torch.equal(slots, renderer.workspace.tensors["pixels"]), "the samples' order should have differed"


def test_the_cpu_does_not_wait_within_an_image(driver: EmulatedDriver) -> None:
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(small_video(), 0.0)
    driver.operations.clear()
    image = renderer.render(frame, make_camera(WIDTH, HEIGHT))
    assert driver.operations.count("launch") == 6
    assert not {"download", "synchronize"} & set(driver.operations), "the CPU waited for the GPU"
    assert image.statistics.color_samples > 0
    assert "download" not in driver.operations, "the number of samples comes through pinned memory"


def test_an_image_waits_for_the_one_before(driver: EmulatedDriver) -> None:
    """So the GPU has work while the CPU prepares the next image, and never more than two images of it."""
    renderer = CudaRenderer(driver)
    frame, camera = renderer.prepare(small_video(), 0.0), make_camera(WIDTH, HEIGHT)
    first = renderer.render(frame, camera)
    driver.operations.clear()
    second = renderer.render(frame, camera)
    waits = [i for i, name in enumerate(driver.operations) if name == "synchronize"]
    launches = [i for i, name in enumerate(driver.operations) if name == "launch"]
    assert len(launches) == 6 and min(waits) > max(launches)
    driver.operations.clear()
    assert first.statistics.color_samples > 0 and not driver.operations, "the first image was finished"
    assert second.statistics.color_samples > 0 and driver.operations, "the second one was not"


def test_pixels_that_are_read_ahead_are_those_of_the_image(driver: EmulatedDriver) -> None:
    renderer = CudaRenderer(driver)
    frame, camera = renderer.prepare(small_video(), 0.0), make_camera(WIDTH, HEIGHT)
    wanted = renderer.render(frame, camera).rgba
    image = renderer.render(frame, camera)
    image.start_reading()
    driver.operations.clear()
    assert np.array_equal(image.rgba, wanted) and "download" not in driver.operations
    assert np.array_equal(image.opacity, wanted[..., 3])


def test_launches_fill_the_machine_just_once(driver: EmulatedDriver) -> None:
    renderer = CudaRenderer(driver)
    video = small_video()
    frame = renderer.prepare(video, 0.0)
    bake = {name: (grid, threads, shared) for name, grid, threads, shared in driver.launched}
    assert bake["bake_grids"] == ((4, 16, 3), 128, 0)
    assert bake["bake_planes"] == ((96, 1, 1), 128, 0)
    assert bake["bake_heads"] == ((16, 3, 1), 128, 0)
    driver.launched.clear()
    renderer.render(frame, make_camera(WIDTH, HEIGHT))
    whole, histogram = (2 * driver.multiprocessors, 1, 1), 4 * 3 * 16
    assert driver.launched == [
        ("density_pass", whole, 128, 0),
        ("count_heads", whole, 256, histogram),
        ("scan_heads", (1, 1, 1), 256, 0),
        ("scatter_heads", whole, 256, histogram),
        ("color_pass_matrix", whole, 128, 0),
        ("composite", whole, 256, 0),
    ]


def test_few_blocks_take_turns(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block of a kernel processes several pieces of work. Its shared memory must be ready for the next one."""
    video, camera = small_video(assignment="bilinear"), make_camera(26, 20)
    renderer = CudaRenderer(driver)
    wanted = renderer.render(renderer.prepare(video, 1.0), camera)
    assert wanted.statistics.color_samples > 2 * GROUP_THREADS
    monkeypatch.setattr("renderer.cuda.frame.MAX_BAKE_BLOCKS", 1)
    for plain in (False, True):
        lonely = EmulatedDriver()
        lonely.multiprocessors, lonely.seed = 1, 77
        lonely.blocks_per_multiprocessor = lambda *_: 1  # type: ignore[method-assign]
        other = CudaRenderer(lonely, tensor_cores=not plain)
        image = other.render(other.prepare(video, 1.0), camera)
        assert {grid[0] for name, grid, *_ in lonely.launched if name != "bake_heads"} == {1}
        assert psnr(image, wanted) > 70 if plain else np.array_equal(image.rgba, wanted.rgba)


@pytest.fixture
def cramped(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> CudaRenderer:
    """Return a renderer that has room for 60 samples at first."""
    monkeypatch.setattr("renderer.cuda.renderer.SAMPLES_PER_PIXEL", 0)
    renderer = CudaRenderer(driver)
    renderer.workspace.capacity = 60
    return renderer


def passes(driver: EmulatedDriver) -> int:
    return [name for name, *_ in driver.launched].count("density_pass")


def test_too_many_samples_are_made_room_for(driver: EmulatedDriver, cramped: CudaRenderer) -> None:
    video, camera = small_video(), make_camera(WIDTH, HEIGHT)
    roomy = CudaRenderer(EmulatedDriver())
    wanted = roomy.render(roomy.prepare(video, 1.0), camera)
    image = cramped.render(cramped.prepare(video, 1.0), camera)
    image.start_reading()
    assert passes(driver) == 1
    assert image.statistics == dataclasses.replace(wanted.statistics, total_ms=image.statistics.total_ms)
    assert passes(driver) == 2 and image.statistics.color_samples > 60
    assert np.array_equal(image.rgba, wanted.rgba), "the copy that was begun lacks samples"


def test_missing_room_is_noticed_one_image_late(driver: EmulatedDriver, cramped: CudaRenderer) -> None:
    video, cameras = small_video(), [make_camera(WIDTH, HEIGHT, azimuth=a) for a in (0.0, 1.0, 2.0)]
    roomy = CudaRenderer(EmulatedDriver())
    wanted = [roomy.render(roomy.prepare(video, 1.0), camera).rgba for camera in cameras]
    frame = cramped.prepare(video, 1.0)
    first = cramped.render(frame, cameras[0])
    ready = first.ready
    assert passes(driver) == 1
    second = cramped.render(frame, cameras[1])
    assert passes(driver) == 3 and first.ready is not ready, "the first image was rendered again"
    third = cramped.render(frame, cameras[2])
    assert passes(driver) == 5, "the second one as well; the third one had enough room"
    images = [first, second, third]
    assert all(np.array_equal(image.rgba, pixels) for image, pixels in zip(images, wanted, strict=True))
    assert passes(driver) == 5


def test_only_the_bands_without_room_are_rendered_again(
    driver: EmulatedDriver, cramped: CudaRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, camera = small_video(), make_camera(WIDTH, HEIGHT)
    roomy = CudaRenderer(EmulatedDriver())
    wanted = roomy.render(roomy.prepare(video, 1.0), camera)
    monkeypatch.setattr(cuda_module, "MAX_BAND_PIXELS", WIDTH)
    kept = wanted.counts[..., 1].sum(axis=1)
    cramped.workspace.capacity = int(kept.max()) - 1
    image = cramped.render(cramped.prepare(video, 1.0), camera)
    assert np.array_equal(image.rgba, wanted.rgba) and image.statistics.color_samples == kept.sum()
    assert passes(driver) == HEIGHT + int((kept == kept.max()).sum())


def test_frames_and_images_that_nobody_needs_are_freed(driver: EmulatedDriver) -> None:
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(small_video(), 0.0)
    renderer.render(frame, make_camera(WIDTH, HEIGHT))
    gc.collect()
    before = driver.memory_used
    image = renderer.render(frame, make_camera(WIDTH, HEIGHT))
    gone = weakref.ref(frame)
    del frame
    gc.collect()
    assert gone() is not None, "the image may have to be rendered again"
    image.finish()
    gc.collect()
    assert gone() is None
    del image
    gc.collect()
    assert driver.memory_used < before


def test_regions_and_bands_are_parts_of_the_whole(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    video, camera = small_video(), make_camera(WIDTH, HEIGHT)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 1.0)
    whole = renderer.render(frame, camera)
    part = renderer.render(frame, camera, region=(5, 3, 13, 9))
    assert np.array_equal(part.rgba, whole.rgba[3:9, 5:13])
    monkeypatch.setattr(cuda_module, "MAX_BAND_PIXELS", 4 * WIDTH + 1)
    banded = renderer.render(frame, camera)
    assert np.array_equal(banded.rgba, whole.rgba) and np.array_equal(banded.depth, whole.depth)
    assert banded.statistics.color_samples == whole.statistics.color_samples
    assert renderer.render(frame, camera, region=(4, 4, 4, 9)).rgba.shape == (5, 0, 4)


def test_images_of_any_size_share_one_workspace(driver: EmulatedDriver) -> None:
    video = small_video()
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 0.5)
    sizes = ((5, 17), (3, 2), (9, 4), (5, 17))
    images = [renderer.render(frame, make_camera(*size)) for size in sizes]
    assert [image.rgba.shape[:2] for image in images] == [(h, w) for w, h in sizes]
    assert np.array_equal(images[0].rgba, images[3].rgba)
    assert renderer.workspace.capacity == MIN_CAPACITY


@pytest.mark.parametrize("distance", [0.2, 40.0])
def test_cameras_within_and_beyond(driver: EmulatedDriver, distance: float) -> None:
    video, camera = small_video(), make_camera(6, 5, distance=distance)
    renderer = CudaRenderer(driver)
    image = renderer.render(renderer.prepare(video, 0.0), camera)
    assert psnr(image, reference(video, 0.0, camera)) > 60


def test_a_view_past_the_box_is_empty(driver: EmulatedDriver) -> None:
    renderer = CudaRenderer(driver)
    away = Camera.look_at([9, 9, 1], [20, 20, 1], [0, 0, 1], 0.8, 10, 6)
    image = renderer.render(renderer.prepare(small_video(), 0.0), away)
    assert not image.rgba.any() and not image.depth.any() and not image.counts.any()
    assert image.statistics.density_samples == image.statistics.color_samples == 0


def test_settings_override_the_bundle(driver: EmulatedDriver) -> None:
    video, camera = small_video(), make_camera(12, 9)
    settings = RenderSettings(steps_per_diagonal=40, weight_threshold=0.05)
    renderer = CudaRenderer(driver)
    image = renderer.render(renderer.prepare(video, 0.0), camera, settings)
    assert psnr(image, reference(video, 0.0, camera, settings=settings)) > 60


def test_crops_and_depth_ranges(driver: EmulatedDriver) -> None:
    video, camera = small_video(), make_camera(12, 9)
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(video, 0.0)
    for settings in random_clips(video, camera, 3):
        expected = reference(video, 0.0, camera, settings=settings)
        assert expected.counts.any(), "some samples are left"
        assert psnr(renderer.render(frame, camera, settings), expected) > 60


def test_cancelled_renders_give_no_image(driver: EmulatedDriver) -> None:
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(small_video(), 0.0)
    token = CancelToken()
    token.cancel()
    with pytest.raises(RenderCancelled):
        renderer.render(frame, make_camera(8, 8), cancel=token)


def test_times_outside_the_video_are_refused(driver: EmulatedDriver) -> None:
    with pytest.raises(InputError, match="not in this video"):
        CudaRenderer(driver).prepare(small_video(), 2.5)


class SecondGpu(EmulatedDriver):
    """Another emulated GPU."""

    name = "Second GPU"
    device = torch.device("cpu", 1)


def test_it_moves_to_the_windows_gpu_before_the_first_frame(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    def open_driver(index: int) -> EmulatedDriver:
        opened.append(index)
        if index == 7:
            raise InputError("backend cuda", "no such GPU")
        return SecondGpu()

    monkeypatch.setattr(cuda_module, "open_driver", open_driver)
    renderer = CudaRenderer(driver)
    with pytest.raises(InputError):
        renderer.use_device(7)
    assert renderer.driver is driver
    assert renderer.use_device(1) and renderer.device == "Second GPU (sm_86)"
    assert renderer.use_device(1) and opened == [7, 1]
    video = small_video()
    renderer.prepare(video, 0.0)
    assert not renderer.use_device(0) and renderer.device == "Second GPU (sm_86)"
