"""The interface between the CUDA renderer and the GPU driver: every operation it needs, and the errors these can raise."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError
from renderer.backend import DeviceFailed

SUBJECT = "backend cuda"
"""What error messages are about."""

OTHER_BACKEND = "or use --backend cpu"
"""The remedy that always works."""

DECODE_STREAM = "decode"
"""Frames are decoded and baked on their own stream while others are rendered; it has the lowest priority."""

RENDER_STREAM = "render"
"""Images are rendered, and copied to the CPU, on this stream."""

DISPLAY_STREAM = "display"
"""Copies for the window run here, after the image's own event: on the render stream they would wait for the next image."""

STICKY_CODES = (
    "CUDA_ERROR_ILLEGAL_ADDRESS",
    "CUDA_ERROR_LAUNCH_FAILED",
    "CUDA_ERROR_LAUNCH_TIMEOUT",
    "CUDA_ERROR_MISALIGNED_ADDRESS",
    "CUDA_ERROR_ECC_UNCORRECTABLE",
    "CUDA_ERROR_ILLEGAL_INSTRUCTION",
    "CUDA_ERROR_INVALID_ADDRESS_SPACE",
    "CUDA_ERROR_INVALID_PC",
    "CUDA_ERROR_HARDWARE_STACK_ERROR",
    "CUDA_ERROR_ASSERT",
    "CUDA_ERROR_CONTAINED",
    "CUDA_ERROR_EXTERNAL_DEVICE",
    "CUDA_ERROR_CONTEXT_IS_DESTROYED",
    "CUDA_ERROR_UNKNOWN",
)
"""Faults after which nothing works on the GPU until the program starts again."""

OLD_DRIVER_CODES = (
    "CUDA_ERROR_NO_BINARY_FOR_GPU",
    "CUDA_ERROR_INVALID_IMAGE",
    "CUDA_ERROR_INVALID_PTX",
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
    "CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
)
"""Faults of a driver that is older than the compiler of the kernels."""

_DESCRIPTIONS = {
    "illegal memory access": "CUDA_ERROR_ILLEGAL_ADDRESS",
    "unspecified launch failure": "CUDA_ERROR_LAUNCH_FAILED",
    "launch timed out": "CUDA_ERROR_LAUNCH_TIMEOUT",
    "misaligned address": "CUDA_ERROR_MISALIGNED_ADDRESS",
    "uncorrectable ECC error": "CUDA_ERROR_ECC_UNCORRECTABLE",
    "illegal instruction": "CUDA_ERROR_ILLEGAL_INSTRUCTION",
    "device-side assert": "CUDA_ERROR_ASSERT",
    "no kernel image is available": "CUDA_ERROR_NO_BINARY_FOR_GPU",
    "out of memory": "CUDA_ERROR_OUT_OF_MEMORY",
    "ALLOC_FAILED": "CUDA_ERROR_OUT_OF_MEMORY",
}


class CudaFault(Exception):
    """A call to the driver failed.

    Args:
        operation: which call of `Driver`.
        code: CUDA's name of the fault, such as "CUDA_ERROR_OUT_OF_MEMORY"; or the text of what went wrong.
    """

    def __init__(self, operation: str, code: str) -> None:
        self.operation = operation
        self.code = code
        super().__init__(f"{operation}: {code}")

    @property
    def out_of_memory(self) -> bool:
        """Whether the GPU had too little memory."""
        return "OUT_OF_MEMORY" in self.code

    @property
    def sticky(self) -> bool:
        """Whether this process can no longer use the GPU."""
        return self.code in STICKY_CODES

    def explain(self, shrunk: bool = False) -> InputError:
        """Return the fault as an error for the user, with cause and remedy.

        Args:
            shrunk: nothing is left that could be made smaller or freed.

        Returns:
            A `DeviceFailed` if the fault is sticky, or if memory ran out and `shrunk` is true.
        """
        if self.out_of_memory:
            kind = DeviceFailed if shrunk else InputError
            return kind(SUBJECT, "the GPU is out of memory", f"close other programs, render smaller, {OTHER_BACKEND}")
        if self.sticky:
            remedy = f"restart the program, {OTHER_BACKEND}"
            return DeviceFailed(SUBJECT, f"the GPU failed ({self.code} in {self.operation})", remedy)
        if self.code in OLD_DRIVER_CODES:
            return InputError(
                SUBJECT,
                f"the driver rejects the kernels ({self.code})",
                f"update NVIDIA's driver, or see requirements-cuda.txt for older ones, {OTHER_BACKEND}",
            )
        return InputError(SUBJECT, f"{self.operation} failed ({self.code})", f"update NVIDIA's driver, {OTHER_BACKEND}")


@contextlib.contextmanager
def as_input_errors() -> Iterator[None]:
    """Turn faults in the block into errors for the user, see `CudaFault.explain`."""
    try:
        yield
    except CudaFault as fault:
        raise fault.explain() from fault


def code_in(text: str) -> str:
    """Return CUDA's name of a fault from an error message; torch only has a description of most."""
    words = (word.strip("():,.") for word in text.split())
    found = next((word for word in words if word.startswith(("CUDA_ERROR_", "NVRTC_ERROR_"))), None)
    return found or next((code for words, code in _DESCRIPTIONS.items() if words in text), text.partition("\n")[0])


class Event(Protocol):
    """A point in a stream's work."""

    def wait(self) -> None:
        """Make the current stream wait for this point before it goes on; the CPU does not wait."""

    def milliseconds_since(self, earlier: Any) -> float:
        """Wait for this point, then return the time since the earlier one."""


class Reading(Protocol):
    """A copy of a tensor in the CPU's memory, which the GPU makes when it gets there."""

    def take(self) -> NDArray[np.generic]:
        """Wait for the copy and return it."""


class Driver(Protocol):
    """One GPU. Methods work on the stream of the innermost `stream` block. All but `upload`, `download` and `capture` return
    at once, while the GPU may still be working.

    All of them raise `CudaFault` when the GPU or its driver does.
    """

    name: str
    """Name of the GPU, for the user."""
    driver_version: str
    """Version of NVIDIA's driver, for the user."""
    architecture: str
    """What kernels are compiled for, such as "86"."""
    multiprocessors: int
    """How many there are."""
    device: torch.device
    """Where torch's tensors lie."""
    total_memory: int
    """Bytes."""
    free_memory: int
    """Bytes that were free when it was opened."""

    def load(self, image: bytes, names: Sequence[str]) -> dict[str, Any]:
        """Return the kernels of a compiled program (a cubin) by name."""

    def blocks_per_multiprocessor(self, kernel: Any, threads: int, shared_bytes: int) -> int:
        """Return how many blocks of a kernel a multiprocessor runs at once."""

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Allocate memory without clearing it."""

    def zero(self, tensor: torch.Tensor) -> None:
        """Fill with zeros."""

    def upload(self, source: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return a contiguous copy on the GPU."""

    def write(self, target: torch.Tensor, source: torch.Tensor) -> None:
        """Copy a few numbers of the CPU into a tensor of the GPU. The source may change or be freed right after the call."""

    def download(self, tensor: torch.Tensor) -> NDArray[np.generic]:
        """Wait for the current stream's work and return a copy in the CPU's memory."""

    def read(self, tensor: torch.Tensor) -> Reading:
        """Enqueue a copy into the CPU's memory. The tensor may change or be freed right after the call."""

    def lend(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return a result of torch's own operations for kernels to read: itself if it is contiguous and of this type, else a
        copy. The next replay of the graph that made it overwrites it."""

    def launch(
        self, kernel: Any, grid: tuple[int, int, int], threads: int, shared_bytes: int, arguments: Sequence[ctypes.Structure]
    ) -> None:
        """Start a kernel; arguments are passed by value."""

    def stream(self, name: str) -> AbstractContextManager[None]:
        """Send the block's work to the stream of that name. Streams run concurrently."""

    def mark(self) -> Event:
        """Return the current point of the current stream."""

    def share(self, tensors: Sequence[torch.Tensor]) -> None:
        """Keep tensors of another stream alive until the current stream's work on them is done, even if freed before."""

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Record work on fixed tensors once. Return a function that replays it and returns what `function` returned."""
