"""Every driver error, injected once: the user gets one line with cause and remedy, and everything else keeps working."""

from __future__ import annotations

import builtins
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from common.errors import InputError
from renderer.backend import DeviceFailed
from renderer.cuda.core_driver import check_result, guarded
from renderer.cuda.driver import OLD_DRIVER_CODES, STICKY_CODES, CudaFault, code_in
from renderer.cuda.renderer import CudaRenderer
from renderer.cuda.usable import check_device, check_usable
from renderer.cuda.workspace import BufferSizes
from renderer.select import create_renderer
from tests.factories import make_camera
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.small_videos import FEW_SAMPLES, small_video

pytestmark = [pytest.mark.native, pytest.mark.gpu, pytest.mark.usefixtures("no_compiler")]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("CUDA_ERROR_NO_BINARY_FOR_GPU", "rejects the kernels.*update NVIDIA's driver"),
        ("CUDA_ERROR_OUT_OF_MEMORY", "out of memory.*--backend cpu"),
        ("CUDA_ERROR_NOT_FOUND", r"load failed \(CUDA_ERROR_NOT_FOUND\)"),
    ],
)
def test_kernels_that_do_not_load(code: str, words: str) -> None:
    driver = EmulatedDriver()
    driver.faults["load"] = code
    with pytest.raises(InputError, match=words):
        CudaRenderer(driver)


WHILE_PREPARING = ["stream", "upload", "graph", "replay", "write", "event", "allocate", "launch"]


@pytest.mark.parametrize("operation", WHILE_PREPARING)
def test_faults_while_preparing(operation: str) -> None:
    driver = EmulatedDriver()
    renderer, video = CudaRenderer(driver), small_video(**FEW_SAMPLES)
    driver.faults[operation], driver.lasting = "CUDA_ERROR_OUT_OF_MEMORY", True
    with pytest.raises(DeviceFailed, match=r"backend cuda: the GPU is out of memory; .*--backend cpu"):
        renderer.prepare(video, 0.0)
    assert not driver.streams, "the stream was left"
    driver.faults.clear()
    assert renderer.prepare(video, 0.0).time == 0.0


@pytest.mark.parametrize("operation", WHILE_PREPARING)
def test_a_frame_takes_the_memory_of_images_if_there_is_no_other(operation: str) -> None:
    driver = EmulatedDriver()
    renderer, video, camera = CudaRenderer(driver), small_video(**FEW_SAMPLES), make_camera(8, 6)
    wanted = renderer.render(renderer.prepare(small_video(seed=1, **FEW_SAMPLES), 0.0), camera)
    assert renderer.workspace.nbytes
    driver.faults[operation] = "CUDA_ERROR_OUT_OF_MEMORY"
    frame = renderer.prepare(video, 0.0)
    assert not driver.faults and not renderer.workspace.nbytes
    assert not np.array_equal(renderer.render(frame, camera).rgba, wanted.rgba)


@pytest.mark.parametrize(
    "operation", ["stream", "wait", "share", "allocate", "zero", "event", "occupancy", "launch", "read", "synchronize"]
)
def test_faults_while_rendering(operation: str) -> None:
    driver = EmulatedDriver()
    renderer = CudaRenderer(driver)
    frame, camera = renderer.prepare(small_video(**FEW_SAMPLES), 0.0), make_camera(8, 6)
    driver.faults[operation] = "CUDA_ERROR_LAUNCH_FAILED"
    with pytest.raises(InputError, match=f"the GPU failed .CUDA_ERROR_LAUNCH_FAILED in {operation}.; restart the program"):
        renderer.render(frame, camera).finish()
    assert not driver.faults and not driver.streams
    image = renderer.render(frame, camera)  # the pixel buffer's fault was not sticky
    assert np.isfinite(image.rgba).all() and image.rgba.any()


def test_faults_of_an_image_are_raised_one_image_late() -> None:
    driver = EmulatedDriver()
    renderer = CudaRenderer(driver)
    frame, camera = renderer.prepare(small_video(**FEW_SAMPLES), 0.0), make_camera(8, 6)
    image = renderer.render(frame, camera)
    driver.faults["synchronize"] = "CUDA_ERROR_ILLEGAL_ADDRESS"
    with pytest.raises(DeviceFailed, match="the GPU failed"):
        renderer.render(frame, camera)
    assert image.rgba.any()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "the GPU is out of memory"),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), "the GPU failed"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), r"torch failed \(cuDNN error: CUDNN_STATUS_EXECUTION"),
    ],
)
def test_faults_of_torch_itself(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    driver = EmulatedDriver()
    renderer = CudaRenderer(driver)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(driver, "lend", fail)
    with pytest.raises(InputError, match=words):
        renderer.prepare(small_video(**FEW_SAMPLES), 0.0)


@pytest.mark.parametrize("after", range(0, 17, 4))
def test_memory_runs_out_at_any_allocation(after: int) -> None:
    driver = EmulatedDriver()
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(small_video(**FEW_SAMPLES), 0.0)
    driver.faults["allocate"], driver.after = "CUDA_ERROR_OUT_OF_MEMORY", after
    image = renderer.render(frame, make_camera(8, 6))
    assert not driver.faults, "the allocation did not fail"
    assert np.array_equal(image.rgba, renderer.render(frame, make_camera(8, 6)).rgba) and image.rgba.any()


def test_more_samples_than_kernels_can_number_are_refused() -> None:
    driver = EmulatedDriver()
    workspace = CudaRenderer(driver).workspace
    with pytest.raises(CudaFault, match="OUT_OF_MEMORY"):
        workspace.fit(BufferSizes(pixels=1, capacity=1 << 28, keys=768, assignments=12))
    assert "allocate" not in driver.operations


def test_faults_while_reading_pixels() -> None:
    driver = EmulatedDriver()
    renderer = CudaRenderer(driver)
    image = renderer.render(renderer.prepare(small_video(**FEW_SAMPLES), 0.0), make_camera(8, 6))
    driver.faults["download"] = "CUDA_ERROR_ILLEGAL_ADDRESS"
    with pytest.raises(InputError, match="the GPU failed"):
        _ = image.rgba
    assert image.rgba.any()


def test_a_decoder_that_cannot_be_captured_runs_without() -> None:
    driver = EmulatedDriver()
    renderer, video, camera = CudaRenderer(driver), small_video(**FEW_SAMPLES), make_camera(8, 6)
    driver.faults["graph"] = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
    images = [renderer.render(renderer.prepare(video, float(time)), camera) for time in range(2)]
    assert renderer.capture_fault(video) == "graph: CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
    assert "replay" not in driver.operations
    captured = CudaRenderer(EmulatedDriver())
    for time, image in enumerate(images):
        assert np.array_equal(image.rgba, captured.render(captured.prepare(video, float(time)), camera).rgba)
    assert captured.capture_fault(video) == ""


def test_faults_while_asking_for_times() -> None:
    driver = EmulatedDriver()
    frame = CudaRenderer(driver).prepare(small_video(**FEW_SAMPLES), 0.0)
    driver.faults["synchronize"] = "CUDA_ERROR_ILLEGAL_ADDRESS"
    with pytest.raises(InputError, match="the GPU failed"):
        _ = frame.decode_ms
    assert frame.decode_ms == 1.0
    driver.faults["synchronize"] = "CUDA_ERROR_ILLEGAL_ADDRESS"
    assert frame.decode_ms == 1.0, "the window asks for it again and again"


def test_kernels_too_new_for_the_driver_are_known() -> None:
    for code in OLD_DRIVER_CODES:
        assert "rejects the kernels" in str(CudaFault("load", code).explain())


def test_sticky_faults_are_known() -> None:
    assert CudaFault("launch", "CUDA_ERROR_ILLEGAL_ADDRESS").sticky
    assert not CudaFault("launch", "CUDA_ERROR_INVALID_VALUE").sticky
    assert all("restart the program" in str(CudaFault("launch", code).explain()) for code in STICKY_CODES)


def test_sticky_faults_end_the_use_of_the_backend() -> None:
    """The window then continues with the next backend; after other faults it continues with this one."""
    assert isinstance(CudaFault("allocate", "CUDA_ERROR_OUT_OF_MEMORY").explain(shrunk=True), DeviceFailed)
    assert not isinstance(CudaFault("launch", "CUDA_ERROR_INVALID_VALUE").explain(shrunk=True), DeviceFailed)
    assert isinstance(CudaFault("launch", "CUDA_ERROR_ILLEGAL_ADDRESS").explain(), DeviceFailed)
    assert not isinstance(CudaFault("allocate", "CUDA_ERROR_OUT_OF_MEMORY").explain(), DeviceFailed)
    assert not isinstance(CudaFault("launch", "CUDA_ERROR_INVALID_VALUE").explain(), DeviceFailed)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CUDA_ERROR_INVALID_VALUE: one of the parameters", "CUDA_ERROR_INVALID_VALUE"),
        ("CUDA error: an illegal memory access was encountered\nmore", "CUDA_ERROR_ILLEGAL_ADDRESS"),
        ("CUDA out of memory. Tried to allocate 2 GiB", "CUDA_ERROR_OUT_OF_MEMORY"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`", "CUDA_ERROR_OUT_OF_MEMORY"),
        ("CUDA error: misaligned address\nCUDA kernel errors might", "CUDA_ERROR_MISALIGNED_ADDRESS"),
        ("CUDA error: no kernel image is available for execution on the device", "CUDA_ERROR_NO_BINARY_FOR_GPU"),
        ("something else\nentirely", "something else"),
    ],
)
def test_faults_are_read_from_messages(text: str, code: str) -> None:
    assert code_in(text) == code


def test_other_libraries_errors_become_faults_but_bugs_do_not() -> None:
    with pytest.raises(CudaFault, match="launch: CUDA_ERROR_UNKNOWN"), guarded("launch"):
        raise RuntimeError("CUDA_ERROR_UNKNOWN")
    with pytest.raises(InputError), guarded("launch"):
        raise InputError("x", "y")
    with pytest.raises(CudaFault, match="CUDA_ERROR_DEINITIALIZED"):
        check_result("launch", (_Result(4, "CUDA_ERROR_DEINITIALIZED"),))
    check_result("launch", (_Result(0, "CUDA_SUCCESS"),))


class _Result(int):
    name: str

    def __new__(cls, value: int, name: str) -> _Result:
        result = super().__new__(cls, value)
        result.name = name
        return result


def test_without_a_gpu_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cuda.core")
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match=r"no NVIDIA GPU and driver were found that this PyTorch can use; install .*"):
        check_usable()
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: False)
    with pytest.raises(InputError, match="this PyTorch was built without CUDA; install torch for CUDA"):
        check_usable()


def _pretend_gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]) -> None:
    for name, value in (("is_available", True), ("device_count", 1), ("get_device_capability", capability)):
        monkeypatch.setattr(f"torch.cuda.{name}", lambda *_, value=value: value)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda *_: "GTX 1080")
    monkeypatch.setattr("renderer.select.cuda_of_driver", lambda: (13, 0))
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: SimpleNamespace(multi_processor_count=8, total_memory=8))
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: True)


def test_gpus_of_amd_are_refused_though_torch_calls_them_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_gpu(monkeypatch, (11, 0))
    monkeypatch.setattr("torch.version.hip", "6.4")
    with pytest.raises(InputError, match=r"this PyTorch supports AMD GPUs, .*; use --backend cpu"):
        check_usable()


def test_packages_that_do_not_fit_each_other_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_gpu(monkeypatch, (8, 6))
    monkeypatch.setitem(__import__("sys").modules, "cuda.core", None)
    real = builtins.__import__

    def load(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "cuda.core":
            raise RuntimeError("cuda.core was built for another cuda.bindings")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", load)
    with pytest.raises(InputError, match=r"do not load \(cuda.core was built for another"):
        check_usable()


@pytest.mark.parametrize("backend", ["auto", "cuda"])
def test_a_driver_that_does_not_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    pytest.importorskip("cuda.core")
    _pretend_gpu(monkeypatch, (8, 6))

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr("cuda.core.Device", fail)
    wanted = "backend cuda: the GPU failed (CUDA_ERROR_LAUNCH_FAILED in start)"
    if backend == "auto":
        assert create_renderer("auto").name in ("cpu", "reference")
        assert f"note: {wanted}" in capsys.readouterr().err
    else:
        with pytest.raises(InputError) as caught:
            create_renderer("cuda")
        assert str(caught.value).startswith(wanted)


def test_old_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cuda.core")
    _pretend_gpu(monkeypatch, (6, 1))
    with pytest.raises(InputError, match=r"GTX 1080 has compute capability 6\.1; 7\.5 or higher is needed"):
        check_device(0)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_gpu(monkeypatch, (8, 6))
    monkeypatch.setitem(__import__("sys").modules, "cuda.core", None)
    with pytest.raises(InputError, match=r"packages are missing .*; install with `pip install -r requirements-cuda.txt`"):
        check_usable()
