"""Stream order and memory lifetime: what fails only sometimes on a real GPU always fails here."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from renderer.cuda.driver import DECODE_STREAM, RENDER_STREAM
from renderer.cuda.renderer import CudaRenderer
from renderer.frame_cache import FrameCache
from tests.factories import make_camera
from tests.renderer.cuda.emulated_gpu import EmulatedDriver, EmulatedEvent
from tests.renderer.cuda.small_videos import FEW_SAMPLES, small_video
from tests.renderer.cuda.stream_order import StreamOrder
from tests.waiting import TIMEOUT

pytestmark = [pytest.mark.native, pytest.mark.gpu, pytest.mark.usefixtures("no_compiler")]


def test_a_forgotten_event_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = CudaRenderer(EmulatedDriver())
    frame = renderer.prepare(small_video(**FEW_SAMPLES), 0.0)
    monkeypatch.setattr(EmulatedEvent, "wait", lambda _: None)
    with pytest.raises(AssertionError, match="work on stream render does not wait for that on stream decode"):
        renderer.render(frame, make_camera(4, 3))


def test_memory_that_is_not_shared_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = EmulatedDriver()
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(small_video(**FEW_SAMPLES), 0.0)
    monkeypatch.setattr(driver, "share", lambda _: None)
    with pytest.raises(AssertionError, match="memory of stream decode is used on stream render without being shared"):
        renderer.render(frame, make_camera(4, 3))


def test_memory_that_was_freed_is_noticed() -> None:
    renderer = CudaRenderer(EmulatedDriver())
    frame = renderer.prepare(small_video(**FEW_SAMPLES), 0.0)
    del frame.tensors["grids"]
    gc.collect()
    with pytest.raises(AssertionError, match="density_pass: read out of bounds: no buffer is there"):
        renderer.render(frame, make_camera(8, 6))


def test_writes_wait_for_reads_as_well() -> None:
    order = StreamOrder()
    order.made(64, "a")
    order.shared(64, "b")
    order.work("a")
    order.touch(64, "a", write=True)
    order.wait("b", order.mark("a"))
    order.work("b")
    order.touch(80, "b", write=False)
    order.work("a")
    with pytest.raises(AssertionError, match="work on stream a does not wait for that on stream b"):
        order.touch(64, "a", write=True)
    order.synchronize(order.mark("b"))
    order.work("a")
    order.touch(64, "a", write=True)


def test_frames_outlive_their_names_while_images_are_made() -> None:
    """Frames are dropped and new ones prepared between renders, as a cache does. No memory is freed or reused too early."""
    driver = EmulatedDriver()
    renderer, video, camera = CudaRenderer(driver), small_video(**FEW_SAMPLES), make_camera(8, 6)
    wanted = [renderer.render(renderer.prepare(video, float(t)), camera).rgba for t in range(3)]
    frames = [renderer.prepare(video, float(t)) for t in range(3)]
    for time, frame in enumerate(frames):
        assert np.array_equal(renderer.render(frame, camera).rgba, wanted[time]), "a later frame has changed an earlier one"
    assert not np.array_equal(wanted[0], wanted[1])


def test_preparing_a_frame_waits_for_nothing() -> None:
    driver = EmulatedDriver()
    renderer, video = CudaRenderer(driver), small_video(**FEW_SAMPLES)
    renderer.prepare(video, 0.0)
    driver.operations.clear()
    renderer.prepare(video, 1.0)
    assert not {"download", "synchronize", "upload"} & set(driver.operations), "the CPU waited for the GPU"


class Operations(TorchDispatchMode):
    """Lists torch's own operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Any, _types: Any, arguments: Any = (), options: Any = None) -> Any:
        self.names.append(str(function))
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("planes", [("yz", "xy", "xz"), ("xz",), ("yz", "xy", "xy")])
def test_preparing_a_frame_uploads_no_indices(planes: tuple[str, ...]) -> None:
    """A list as an index becomes a tensor that torch uploads, and the CPU waits for that on a real GPU."""
    renderer, video = CudaRenderer(EmulatedDriver()), small_video(mlp_planes=planes, **FEW_SAMPLES)
    renderer.prepare(video, 0.0)
    with Operations() as operations:
        renderer.prepare(video, 1.0)
    assert "aten.index.Tensor" not in operations.names and operations.names


def test_decoding_ahead_does_not_wait_for_an_image() -> None:
    renderer, video = CudaRenderer(EmulatedDriver()), small_video(**FEW_SAMPLES)
    renderer.prepare(video, 0.0)
    done = threading.Event()

    def prepare() -> None:
        renderer.prepare(video, 1.0)
        done.set()

    with renderer._lock:  # an image is being rendered
        threading.Thread(target=prepare, daemon=True).start()
        assert done.wait(TIMEOUT)


def test_each_stream_has_its_work() -> None:
    driver = EmulatedDriver()
    renderer = CudaRenderer(driver)
    seen: list[tuple[str, str]] = []
    launch = driver.launch

    def noted(kernel: str, *arguments: object) -> None:
        seen.append((kernel, driver.streams[-1]))
        launch(kernel, *arguments)  # type: ignore[arg-type]

    driver.launch = noted  # type: ignore[assignment, method-assign]
    renderer.render(renderer.prepare(small_video(**FEW_SAMPLES), 0.0), make_camera(4, 3))
    assert {stream for kernel, stream in seen if kernel.startswith("bake")} == {DECODE_STREAM}
    assert {stream for kernel, stream in seen if not kernel.startswith("bake")} == {RENDER_STREAM}


def test_a_decoder_beyond_half_precision_runs_in_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    video = small_video(**FEW_SAMPLES)
    video.decoder.backbone.linear.weight.mul_(1e6)
    video.decoder.backbone.upsamples[0].get_parameter("weight").mul_(1e-6)  # later images have the usual size again
    video.decoder.backbone.linear.bias.mul_(1e6)
    driver = EmulatedDriver()
    capture = driver.capture

    def noted(function: object) -> object:
        maps = function()  # type: ignore[operator]
        assert all(m.isfinite().all() for m in maps)
        return capture(function)  # type: ignore[arg-type]

    driver.capture = noted  # type: ignore[assignment, method-assign]
    renderer, camera = CudaRenderer(driver), make_camera(8, 6)
    image = renderer.render(renderer.prepare(video, 0.0), camera)
    other = small_video(**FEW_SAMPLES)
    renderer.prepare(other, 0.0)
    precisions = [next(renderer._on_gpu(each)._network.parameters()).dtype for each in (video, other)]
    assert precisions == [torch.float32, torch.float16]
    assert np.isfinite(image.rgba).all() and image.rgba.any()


def test_frames_leave_room_in_the_gpus_memory() -> None:
    driver, video = EmulatedDriver(), small_video(**FEW_SAMPLES)
    size = CudaRenderer(driver).prepare(video, 0.0).nbytes
    driver.free_memory = int(2 * 2.5 * size)
    renderer = CudaRenderer(driver)
    cache = FrameCache(renderer, video, budget=100 * size)
    cache.decode_ahead([0.0, 1.0, 2.0])
    assert cache.wait_until_idle(60)
    assert cache.cached_times() == [0.0, 1.0], "two and a half fit, and the budget does not count"
    cache.close()
    driver.free_memory = 100 * size
    roomy = FrameCache(CudaRenderer(driver), video, budget=100 * size)
    roomy.decode_ahead([0.0, 1.0, 2.0])
    assert roomy.wait_until_idle(60) and len(roomy.cached_times()) == 3
    roomy.close()


def test_frames_may_take_half_of_the_gpus_free_memory() -> None:
    driver, video = EmulatedDriver(), small_video(**FEW_SAMPLES)
    renderer = CudaRenderer(driver)
    assert FrameCache(renderer, video, None).room == renderer.frame_memory == driver.free_memory // 2
    first, second = renderer.prepare(video, 0.0), renderer.prepare(video, 1.0)
    assert renderer.frame_memory_left == renderer.frame_memory - first.nbytes - second.nbytes
    del first
    gc.collect()
    assert renderer.frame_memory_left == renderer.frame_memory - second.nbytes
