"""`renderer.cuda.driver`'s interface with cuda.core, NVIDIA's Python package. It uses PyTorch's memory and streams."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.cuda.driver import DECODE_STREAM, CudaFault, code_in
from renderer.cuda.usable import check_device, check_usable

LOW_PRIORITY, HIGH_PRIORITY = 0, -1
"""Priorities of streams: blocks of a stream of higher priority (a lower number) start first."""


def installed_driver() -> str:
    """Return the version of NVIDIA's driver, such as "580.65.6"; "none" without a driver or NVIDIA's packages."""
    try:
        from cuda.core import system  # noqa: PLC0415 - optional

        with contextlib.suppress(Exception):  # NVIDIA's management library is missing on some systems, WSL among them
            return ".".join(map(str, system.get_kernel_mode_driver_version()))
        return f"for CUDA {'.'.join(map(str, system.get_user_mode_driver_version()))}"
    except Exception:  # the packages raise their own types without a driver
        return "none"


@contextlib.contextmanager
def guarded(operation: str) -> Iterator[None]:
    """Turn everything that torch and cuda.core raise into a `CudaFault` of that operation."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise CudaFault(operation, "CUDA_ERROR_OUT_OF_MEMORY") from error
    except CudaFault:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("cuda", "torch", "builtins"):
            raise
        raise CudaFault(operation, code_in(str(error))) from error


def check_result(operation: str, result: tuple[Any, ...]) -> None:
    """Raise `CudaFault` unless a call of cuda.bindings succeeded."""
    if int(result[0]) != 0:
        raise CudaFault(operation, getattr(result[0], "name", str(result[0])))


class CoreEvent:
    """A torch event, with timing."""

    def __init__(self) -> None:
        self._event = torch.cuda.Event(enable_timing=True)
        self._event.record()

    def wait(self) -> None:
        """Make the current stream wait for this point before it goes on."""
        with guarded("wait"):
            torch.cuda.current_stream().wait_event(self._event)

    def milliseconds_since(self, earlier: CoreEvent) -> float:
        """Wait for this point, then return the time since the earlier one."""
        with guarded("synchronize"):
            self._event.synchronize()
            return float(earlier._event.elapsed_time(self._event))


class PinnedReading:
    """A copy in pinned memory: into other memory the copy would wait for all of the stream's work."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._copy.copy_(tensor, non_blocking=True)
        self._event = torch.cuda.Event()
        self._event.record()

    def take(self) -> NDArray[np.generic]:
        """Wait for the copy and return it."""
        with guarded("read"):
            self._event.synchronize()
            return np.asarray(self._copy.numpy())


class Replay:
    """A captured graph, called to replay it; replays share the memory of their result.

    Args:
        graph: the capture.
        function: what was captured. The graph knows only addresses: the weights that `function` reads must live as long.
        result: what it returned; each replay fills it again.
    """

    def __init__(self, graph: torch.cuda.CUDAGraph, function: Callable[[], Any], result: Any) -> None:
        self._graph, self._function, self._result = graph, function, result

    def __call__(self) -> Any:
        """Replay on the current stream."""
        with guarded("replay"):
            self._graph.replay()
        return self._result


class CoreDriver:
    """A GPU of this machine; see `renderer.cuda.driver.Driver` for the methods.

    Kernels are launched through the driver's own call: cuda.core passes no structs by value.

    Args:
        device_index: which GPU, as CUDA counts them.

    Raises:
        InputError: it cannot be used.
        CudaFault: it does not start.
    """

    def __init__(self, device_index: int = 0) -> None:
        with guarded("start"):
            check_usable()
            check_device(device_index)
            from cuda.bindings import driver  # noqa: PLC0415 - optional
            from cuda.core import Device, ObjectCode  # noqa: PLC0415

            self._bindings, self._object_code, self._core_device = driver, ObjectCode, Device
            self.device = torch.device("cuda", device_index)
            properties = torch.cuda.get_device_properties(self.device)
            # torch's own, the primary context: there is one for both libraries, and memory and streams are shared.
            Device(device_index).set_current()
        self.name: str = properties.name
        self.driver_version = installed_driver()
        self.architecture = f"{properties.major}{properties.minor}"
        self.multiprocessors: int = properties.multi_processor_count
        self.total_memory: int = properties.total_memory
        self.free_memory: int = torch.cuda.mem_get_info(self.device)[0]
        self._streams: dict[str, torch.cuda.Stream] = {}

    def load(self, image: bytes, names: Sequence[str]) -> dict[str, Any]:
        """Return kernels by name."""
        with guarded("load"):
            read = self._object_code.from_cubin if image.startswith(b"\x7fELF") else self._object_code.from_ptx
            code = read(image)
            return {name: code.get_kernel(name) for name in names}

    def blocks_per_multiprocessor(self, kernel: Any, threads: int, shared_bytes: int) -> int:
        """Return how many blocks run at once."""
        with guarded("occupancy"):
            return int(kernel.occupancy.max_active_blocks_per_multiprocessor(threads, shared_bytes))

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Allocate memory without clearing it."""
        with guarded("allocate"):
            return torch.empty(tuple(shape), dtype=dtype, device=self.device)

    def zero(self, tensor: torch.Tensor) -> None:
        """Fill with zeros."""
        with guarded("zero"):
            tensor.zero_()

    def upload(self, source: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return a copy on the GPU."""
        with guarded("upload"):
            return source.detach().to(self.device, dtype, copy=True).contiguous()

    def write(self, target: torch.Tensor, source: torch.Tensor) -> None:
        """Copy a few numbers through pinned memory: from other memory the copy would wait for all of the stream's work."""
        with guarded("write"):
            target.copy_(source.detach().to(target.dtype).pin_memory(), non_blocking=True)

    def download(self, tensor: torch.Tensor) -> NDArray[np.generic]:
        """Return a copy in the CPU's memory."""
        with guarded("download"):
            return np.asarray(tensor.cpu().numpy())

    def read(self, tensor: torch.Tensor) -> PinnedReading:
        """Enqueue a copy into the CPU's memory."""
        with guarded("read"):
            return PinnedReading(tensor)

    def lend(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return a contiguous tensor of this type."""
        with guarded("allocate"):
            return tensor.to(dtype).contiguous()

    def launch(
        self, kernel: Any, grid: tuple[int, int, int], threads: int, shared_bytes: int, arguments: Sequence[ctypes.Structure]
    ) -> None:
        """Start a kernel."""
        addresses = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(argument) for argument in arguments))
        function = self._bindings.CUfunction(int(kernel.handle))
        stream = self._bindings.CUstream(torch.cuda.current_stream(self.device).cuda_stream)
        result = self._bindings.cuLaunchKernel(
            function, *grid, threads, 1, 1, shared_bytes, stream, ctypes.addressof(addresses), 0
        )
        check_result("launch", result)

    @contextlib.contextmanager
    def stream(self, name: str) -> Iterator[None]:
        """Send the block's work to the stream of that name."""
        with guarded("stream"):
            self._core_device(self.device.index).set_current()  # of the calling thread
            if name not in self._streams:
                priority = LOW_PRIORITY if name == DECODE_STREAM else HIGH_PRIORITY
                # Of two threads that come here at once, both must get the same stream: work is ordered by it.
                self._streams.setdefault(name, torch.cuda.Stream(self.device, priority=priority))
        with torch.cuda.device(self.device), torch.cuda.stream(self._streams[name]):
            yield

    def mark(self) -> CoreEvent:
        """Return the current point."""
        with guarded("event"):
            return CoreEvent()

    def share(self, tensors: Sequence[torch.Tensor]) -> None:
        """Keep tensors alive until the current stream's work on them is done."""
        with guarded("share"):
            for tensor in tensors:
                tensor.record_stream(torch.cuda.current_stream(self.device))

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Return a CUDA graph of what `function` does."""
        with guarded("graph"), torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=True):
            # A stream of its own: what other threads put on the present one meanwhile would become part of the graph.
            stream = torch.cuda.Stream(self.device)
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(3):  # libraries choose and load their kernels in the first calls, which cannot be captured
                    function()
            stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Other threads may allocate meanwhile; that must not break the capture.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = function()
        return Replay(graph, function, result)
