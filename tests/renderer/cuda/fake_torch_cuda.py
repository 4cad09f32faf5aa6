"""Fake `torch.cuda` and libcuda.so.1 for `core_driver_checks.py`. NVIDIA's packages are real."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from renderer.cuda.core_driver import CoreDriver
from tests.renderer.cuda.emulated_gpu import kernel_library

CPU = torch.device("cpu", 0)


class Libcuda:
    """The emulated driver."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libcuda.so.1")
        self._library.libcuda_calls.restype = ctypes.c_char_p

    def launch_with(self, emulation: ctypes.CDLL) -> None:
        self._library.libcuda_launch_with(emulation.emulation_launch)

    def fail_once(self, name: str, code: int) -> None:
        self.fail(name, code, 1)

    def fail(self, name: str, code: int, times: int) -> None:
        self._library.libcuda_fail(name.encode(), code, times)

    def pixel_buffer(self, memory: np.ndarray[Any, Any], device: int = 0) -> None:
        self._library.libcuda_pixel_buffer(ctypes.c_void_p(memory.ctypes.data), ctypes.c_size_t(memory.nbytes), device)

    def take_calls(self) -> list[str]:
        calls = self._library.libcuda_calls().decode().splitlines()
        self._library.libcuda_forget_calls()
        return calls  # type: ignore[no-any-return]


class FakeStream:
    """A fake `torch.cuda.Stream`."""

    def __init__(self, torch_cuda: FakeTorchCuda, number: int, priority: int) -> None:
        self.torch_cuda, self.cuda_stream, self.priority = torch_cuda, number, priority

    def wait_event(self, event: FakeEvent) -> None:
        self.torch_cuda.log.append(f"stream {self.cuda_stream} waits for {event.stream}")

    def wait_stream(self, stream: FakeStream) -> None:
        self.torch_cuda.log.append(f"stream {self.cuda_stream} waits for {stream.cuda_stream}")

    def synchronize(self) -> None:
        self.torch_cuda.log.append(f"synchronize {self.cuda_stream}")


class FakeEvent:
    """A fake `torch.cuda.Event`."""

    def __init__(self, torch_cuda: FakeTorchCuda) -> None:
        self.torch_cuda, self.stream = torch_cuda, -1

    def record(self) -> None:
        self.stream = self.torch_cuda.streams[-1].cuda_stream

    def synchronize(self) -> None:
        assert self.stream >= 0, "an event that was never recorded"
        self.torch_cuda.log.append(f"wait for {self.stream}")

    def elapsed_time(self, later: FakeEvent) -> float:
        assert self.stream >= 0 and later.stream >= 0
        return 1.0


class FakeGraph:
    """A fake CUDA graph: it repeats recorded work, but does not keep the memory of that work alive."""

    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


class FakeTorchCuda:
    """The part of `torch.cuda` that the driver uses, on the CPU."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.streams = [FakeStream(self, 0, 0)]
        self.created: list[FakeStream] = []
        self.capturing = False
        self.captured: list[FakeStream] = []
        properties = SimpleNamespace(name="Fake GPU", major=8, minor=6, multi_processor_count=2, total_memory=1 << 30)
        for name, value in {
            "is_available": lambda: True,
            "device_count": lambda: 1,
            "get_device_capability": lambda _index: (8, 6),
            "mem_get_info": lambda _device: (900 << 20, 1 << 30),
            "get_device_properties": lambda _device: properties,
            "Stream": self.make_stream,
            "Event": lambda enable_timing=False: FakeEvent(self),
            "current_stream": lambda _device=None: self.streams[-1],
            "stream": self.use_stream,
            "device": contextlib.nullcontext,
            "CUDAGraph": FakeGraph,
            "graph": self.capture,
        }.items():
            patch.setattr(f"torch.cuda.{name}", value)
        patch.setattr("torch.backends.cuda.is_built", lambda: True)
        empty = torch.empty
        patch.setattr("torch.empty", lambda *shape, pin_memory=False, **how: self.allocate(empty(*shape, **how), pin_memory))
        patch.setattr(torch.Tensor, "pin_memory", lambda tensor: self.pin(tensor))  # noqa: PLW0108 - binds the tensor
        patch.setattr(torch.Tensor, "record_stream", lambda _, stream: self.log.append(f"kept for {stream.cuda_stream}"))

    def make_stream(self, _device: torch.device, priority: int = 0) -> FakeStream:
        self.created.append(FakeStream(self, 10 * (len(self.created) + 1), priority))
        return self.created[-1]

    @contextlib.contextmanager
    def use_stream(self, stream: FakeStream) -> Iterator[None]:
        self.streams.append(stream)
        try:
            yield
        finally:
            self.streams.pop()

    @contextlib.contextmanager
    def capture(self, _graph: FakeGraph, stream: FakeStream, capture_error_mode: str) -> Iterator[None]:
        assert stream.cuda_stream != 0, "the default stream cannot be captured"
        assert capture_error_mode == "thread_local"
        assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark
        self.capturing = True
        self.captured.append(stream)
        self.streams.append(stream)
        yield
        self.streams.pop()
        self.capturing = False

    def allocate(self, tensor: torch.Tensor, pinned: bool) -> torch.Tensor:
        if pinned:
            self.log.append("pin")
        return tensor

    def pin(self, tensor: torch.Tensor) -> torch.Tensor:
        self.log.append("pin")
        return tensor.clone()


class CheckedDriver(CoreDriver):
    """The real driver class, with tensors on the CPU that the emulation of the kernels can access."""

    def __init__(self, index: int = 0) -> None:
        self.library = kernel_library()
        self.kept: list[torch.Tensor] = []
        self.capturing = False
        super().__init__(index)
        self.device = CPU

    def _known(self, tensor: torch.Tensor, written: bool) -> torch.Tensor:
        self.kept.append(tensor)  # no address is used twice
        size = ctypes.c_size_t(tensor.numel() * tensor.element_size())
        if tensor.numel():
            self.library.emulation_add_buffer(ctypes.c_void_p(tensor.data_ptr()), size, int(written))
        return tensor

    def empty(self, *arguments: Any) -> torch.Tensor:
        return self._known(super().empty(*arguments), False)

    def upload(self, *arguments: Any) -> torch.Tensor:
        return self._known(super().upload(*arguments), True)

    def lend(self, *arguments: Any) -> torch.Tensor:
        return self._known(super().lend(*arguments), True)

    def launch(self, *arguments: Any) -> None:
        if not self.capturing:
            super().launch(*arguments)

    def zero(self, tensor: torch.Tensor) -> None:
        super().zero(tensor)
        self._known(tensor, True)

    def write(self, target: torch.Tensor, source: torch.Tensor) -> None:
        super().write(target, source)
        self._known(target, True)

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any]:
        self.capturing = True
        try:
            replay: Any = super().capture(function)
        finally:
            self.capturing = False

        def filled() -> Any:
            for kept, new in zip(replay(), function(), strict=True):
                kept.copy_(new)
            return replay()

        return filled

    def __del__(self) -> None:
        for tensor in self.kept:
            self.library.emulation_remove_buffer(ctypes.c_void_p(tensor.data_ptr()))
