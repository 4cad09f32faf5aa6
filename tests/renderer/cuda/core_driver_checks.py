"""Check `CoreDriver` and the pixel buffers with NVIDIA's real cuda.bindings and cuda.core on an emulated driver.

`test_core_driver.py` runs this file in its own process, where libcuda.so.1 is the emulated driver. Only `torch.cuda` is
replaced, by `FakeTorchCuda`: this PyTorch may be built without CUDA.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import renderer.cuda.renderer as cuda_module
from common.errors import InputError
from renderer.cuda import gl_buffer as interop
from renderer.cuda.core_driver import CoreDriver
from renderer.cuda.driver import DECODE_STREAM, RENDER_STREAM
from renderer.cuda.gl_buffer import CudaPixelBuffer, InteropFault
from renderer.cuda.renderer import CudaRenderer
from renderer.cuda.usable import cuda_of_driver
from tests.factories import make_camera
from tests.renderer.cuda.emulated_gpu import EmulatedDriver, kernel_library
from tests.renderer.cuda.fake_torch_cuda import CheckedDriver, FakeTorchCuda, Libcuda
from tests.renderer.cuda.small_videos import FEW_SAMPLES, small_video


@pytest.fixture
def libcuda() -> Libcuda:
    loaded = Libcuda()
    loaded.launch_with(kernel_library())
    loaded.take_calls()
    return loaded


@pytest.fixture
def torch_cuda(monkeypatch: pytest.MonkeyPatch) -> FakeTorchCuda:
    monkeypatch.setattr(cuda_module, "load_program", lambda *_: b"\x7fELF")
    return FakeTorchCuda(monkeypatch)


@pytest.fixture
def driver(libcuda: Libcuda, torch_cuda: FakeTorchCuda) -> CheckedDriver:
    return CheckedDriver()


def test_the_driver_is_asked_for_its_version(libcuda: Libcuda) -> None:
    assert cuda_of_driver() == (13, 9)
    libcuda.fail_once("cuInit", 100)
    assert cuda_of_driver() is None


@pytest.mark.slow
def test_images_are_those_of_the_emulated_driver(driver: CheckedDriver, libcuda: Libcuda, torch_cuda: FakeTorchCuda) -> None:
    video, camera = small_video(), make_camera(9, 6)
    renderer, emulated = CudaRenderer(driver), CudaRenderer(EmulatedDriver())
    assert renderer.device == "Fake GPU (sm_86)" and "cuLibraryLoadData cubin" in libcuda.take_calls()
    frame = renderer.prepare(video, 1.0)
    image = renderer.render(frame, camera)
    wanted = emulated.render(emulated.prepare(video, 1.0), camera)
    assert np.abs(image.rgba - wanted.rgba).max() < 1e-6 and wanted.rgba.any()
    decode, _decoding, _baking, render = (stream.cuda_stream for stream in torch_cuda.created)
    launches = [call.removeprefix("cuLaunchKernel ") for call in libcuda.take_calls() if call.startswith("cuLaunch")]
    assert launches[:3] == [f"bake_{what} on {decode}" for what in ("grids", "planes", "heads")]
    assert all(launch.endswith(f" on {render}") for launch in launches[3:]) and len(launches) == 9
    assert f"stream {render} waits for {decode}" in torch_cuda.log, "the image must wait for its frame"
    assert torch_cuda.log.count(f"kept for {render}") == len(frame.tensors), "the frame's tensors must outlive the image"


def test_cubins_and_ptx_are_loaded(driver: CheckedDriver, libcuda: Libcuda) -> None:
    for content, kind in ((b"\x7fELF...", "cubin"), (b".version 8.5\0", "PTX")):
        assert set(driver.load(content, ["composite"])) == {"composite"}
        assert libcuda.take_calls()[-2:] == [f"cuLibraryLoadData {kind}", "cuLibraryGetKernel composite"]


def test_streams_of_images_come_before_decoding(driver: CheckedDriver, torch_cuda: FakeTorchCuda) -> None:
    for name in (DECODE_STREAM, RENDER_STREAM, DECODE_STREAM):
        with driver.stream(name):
            pass
    decode, render = torch_cuda.created
    assert render.priority < decode.priority <= 0


def test_small_copies_do_not_wait(driver: CheckedDriver, torch_cuda: FakeTorchCuda) -> None:
    target, source = torch.zeros(3, dtype=torch.float16), torch.tensor([1.0, 2.0, 3.0])
    driver.write(target, source)
    assert target.tolist() == [1, 2, 3] and torch_cuda.log == ["pin"]


def test_maps_are_lent_without_a_copy_where_their_order_is_right(driver: CheckedDriver) -> None:
    maps = torch.rand(2, 3).half()
    for given in (maps, maps.t(), maps.float()):
        lent = driver.lend(given, torch.float16)
        assert lent.is_contiguous() and lent.dtype == torch.float16 and torch.equal(lent, given.half())
        assert (lent.data_ptr() == given.data_ptr()) == (given is maps)


def test_a_graph_keeps_what_it_reads(driver: CheckedDriver, torch_cuda: FakeTorchCuda) -> None:
    captured: list[bool] = []

    def make() -> tuple[Callable[[], Any], weakref.ref[torch.Tensor]]:
        weights = torch.ones(4)

        def function() -> torch.Tensor:
            captured.append(torch_cuda.capturing)
            return weights * 2

        return function, weakref.ref(weights)

    with driver.stream(DECODE_STREAM):
        function, weights = make()
        replay = CoreDriver.capture(driver, function)
        del function
        gc.collect()
        assert weights() is not None, "a replay would read memory that torch has given to others"
        assert captured[-1] and captured.count(True) == 1 and captured.count(False) >= 2, "libraries must be warm"
        first, second = replay(), replay()
    assert first is second and replay._graph.replays == 2  # type: ignore[attr-defined]
    del replay
    gc.collect()
    assert weights() is None


def test_only_the_decoder_is_on_the_stream_that_is_captured(driver: CheckedDriver, torch_cuda: FakeTorchCuda) -> None:
    used: list[int] = []

    def function() -> torch.Tensor:
        used.append(torch_cuda.streams[-1].cuda_stream)
        return torch.zeros(1)

    with driver.stream(DECODE_STREAM):
        present = torch_cuda.streams[-1].cuda_stream
        CoreDriver.capture(driver, function)
    (captured,) = (stream.cuda_stream for stream in torch_cuda.captured)
    assert captured != present and captured not in [stream.cuda_stream for stream in driver._streams.values()]
    assert set(used) == {captured}, "libraries keep memory a stream: they must be warmed up on the very one"
    waits, done = (
        torch_cuda.log.index(f"stream {captured} waits for {present}"),
        torch_cuda.log.index(f"synchronize {captured}"),
    )
    assert waits < done


FAULTS = [  # the driver call that fails, and how; the operation of the test; the message to the user
    ("cuDevicePrimaryCtxRetain", 2, "open", "the GPU is out of memory"),
    ("cuCtxSetCurrent", 719, "open", "the GPU failed .CUDA_ERROR_LAUNCH_FAILED in start"),
    ("cuLibraryLoadData", 209, "open", "the driver rejects the kernels .CUDA_ERROR_NO_BINARY_FOR_GPU"),
    ("cuLibraryLoadData", 222, "open", "the driver rejects the kernels .CUDA_ERROR_UNSUPPORTED_PTX_VERSION"),
    ("cuLibraryGetKernel", 1, "open", "load failed .CUDA_ERROR_INVALID_VALUE"),
    ("cuLaunchKernel", 2, "prepare", "the GPU is out of memory"),
    ("cuLaunchKernel", 700, "render", "the GPU failed .CUDA_ERROR_ILLEGAL_ADDRESS in launch"),
    ("cuOccupancyMaxActiveBlocksPerMultiprocessor", 1, "render", "occupancy failed .CUDA_ERROR_INVALID_VALUE"),
]


@pytest.mark.parametrize(("call", "code", "moment", "words"), FAULTS)
def test_every_fault_of_the_driver_is_one_line(
    libcuda: Libcuda, torch_cuda: FakeTorchCuda, monkeypatch: pytest.MonkeyPatch, call: str, code: int, moment: str, words: str
) -> None:
    monkeypatch.setattr("renderer.cuda.core_driver.CoreDriver", CheckedDriver)
    video, camera = small_video(**FEW_SAMPLES), make_camera(5, 4)

    def use() -> None:
        if moment == "open":
            libcuda.fail_once(call, code)
        renderer = CudaRenderer()
        if moment == "prepare":
            libcuda.fail(call, code, times=2)  # the second attempt has the memory of images
        frame = renderer.prepare(video, 0.0)
        if moment == "render":
            libcuda.fail_once(call, code)
        renderer.render(frame, camera).finish()

    with pytest.raises(InputError, match=f"^backend cuda: {words}"):
        _fresh_thread(use)
    assert len(torch_cuda.streams) == 1, "a stream was not left"


def _fresh_thread(action: Callable[[], None]) -> None:
    """Use the driver in a new thread, in which cuda.core has not set its context yet."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(action).result()


def test_pixel_buffers_are_mapped_on_the_stream_that_writes(
    driver: CheckedDriver, libcuda: Libcuda, torch_cuda: FakeTorchCuda
) -> None:
    renderer = CudaRenderer(driver)
    image = renderer.render(renderer.prepare(small_video(**FEW_SAMPLES), 0.0), make_camera(9, 6))
    memory = np.zeros(9 * 6 * 4, np.float32)
    libcuda.pixel_buffer(memory)
    libcuda.take_calls()
    buffer = CudaPixelBuffer(driver, 5)
    buffer.write(image)
    buffer.close()
    assert np.array_equal(memory, image.rgba.ravel()) and memory.any()
    display = torch_cuda.created[-1].cuda_stream
    assert [call for call in libcuda.take_calls() if not call.startswith("cuCtx")] == [
        "cuGLGetDevices",
        "cuGraphicsGLRegisterBuffer 5 2",
        f"cuGraphicsMapResources on {display}",
        "cuGraphicsResourceGetMappedPointer",
        f"cuMemcpyDtoDAsync on {display}",
        f"cuGraphicsUnmapResources on {display}",
        "cuGraphicsUnregisterResource",
    ]
    assert f"stream {display} waits for {torch_cuda.created[-2].cuda_stream}" in torch_cuda.log
    assert torch_cuda.log[-1] == f"kept for {display}" and f"synchronize {display}" not in torch_cuda.log


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("cuGLGetDevices", 219),
        ("cuGLGetDevices", 100),
        ("cuGraphicsGLRegisterBuffer", 304),
        ("cuGraphicsMapResources", 304),
        ("cuGraphicsResourceGetMappedPointer", 1),
        ("cuMemcpyDtoDAsync", 1),
    ],
)
def test_faults_of_sharing_name_cause_and_remedy(driver: CheckedDriver, libcuda: Libcuda, call: str, code: int) -> None:
    renderer = CudaRenderer(driver)
    image = renderer.render(renderer.prepare(small_video(**FEW_SAMPLES), 0.0), make_camera(4, 3))
    memory = np.zeros(4 * 3 * 4, np.float32)
    libcuda.pixel_buffer(memory)
    libcuda.fail_once(call, code)
    with pytest.raises(InteropFault, match=r"CUDA_ERROR_\w+.*; .*main memory"):
        CudaPixelBuffer(driver, 5).write(image)
    CudaPixelBuffer(driver, 5).write(image)
    assert np.array_equal(memory, image.rgba.ravel())


def test_another_gpus_window_and_small_buffers_are_refused(driver: CheckedDriver, libcuda: Libcuda) -> None:
    renderer = CudaRenderer(driver)
    image = renderer.render(renderer.prepare(small_video(**FEW_SAMPLES), 0.0), make_camera(4, 3))
    libcuda.pixel_buffer(np.zeros(8, np.float32), device=1)
    with driver.stream(RENDER_STREAM):
        assert interop.window_devices() == [1]
    with pytest.raises(InteropFault, match="the window is drawn by a different GPU"):
        CudaPixelBuffer(driver, 5)
    libcuda.pixel_buffer(np.zeros(8, np.float32))
    with pytest.raises(InteropFault, match="maps no memory"):
        CudaPixelBuffer(driver, 5).write(image)
