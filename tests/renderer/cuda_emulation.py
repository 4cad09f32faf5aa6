"""The software GPU: kernels compiled as plain C++ (kernels/cuda/emulation), and a driver over them."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from renderer.cuda_driver import CudaFault

EMULATION = Path(__file__).resolve().parents[2] / "renderer" / "kernels" / "cuda" / "emulation"
INCLUDE = EMULATION.parents[1] / "include"
RED_ZONE = 4096
"""Bytes between buffers, so that reading or writing beyond one hits none."""


def compiler() -> str:
    found = shutil.which("g++") or shutil.which("clang++")
    if found is None:
        pytest.skip("needs g++ or clang++")
    return found


def build_library(folder: Path, kernels: Path) -> ctypes.CDLL:
    """Compile a source file of kernels together with the emulation; the compiler announces its accesses to memory."""
    objects = []
    sources = [(kernels, True), *((EMULATION / f"{n}.cpp", False) for n in ("memory", "scheduler", "runtime", "layout"))]
    for source, announced in sources:
        objects.append(folder / f"{source.stem}.o")
        command = [compiler(), "-std=c++17", "-fPIC", "-Wall", "-Wextra", "-Werror", "-DMLPVID_PORTABLE"]
        command += [f"-I{EMULATION}", f"-I{EMULATION.parent}", f"-I{INCLUDE}"]
        command += ["-O1", "-fsanitize=thread,alignment"] if announced else ["-O2", "-Wno-clobbered"]
        command += ["-x", "c++", "-c", str(source), "-o", str(objects[-1])]
        subprocess.run(command, check=True)
    library = folder / "emulation.so"
    subprocess.run([compiler(), "-shared", *map(str, objects), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.emulation_fault.restype = loaded.emulation_layout_name.restype = ctypes.c_char_p
    loaded.emulation_layout_value.restype = ctypes.c_size_t
    return loaded


@functools.cache
def kernel_library() -> ctypes.CDLL:
    """The renderer's kernels, compiled once a process."""
    folder = Path(tempfile.mkdtemp(prefix="mlpvid-emulation-"))
    try:
        return build_library(folder, EMULATION / "kernels.cpp")
    finally:
        shutil.rmtree(folder)  # what is loaded stays loaded


class EmulatedEvent:
    """A point in a stream; the emulation is never beside itself."""

    def __init__(self, driver: EmulatedDriver) -> None:
        self.driver = driver

    def wait(self) -> None:
        self.driver.inject("wait")

    def milliseconds_since(self, earlier: EmulatedEvent) -> float:
        self.driver.inject("synchronize")
        return 1.0


class EmulatedDriver:
    """`renderer.cuda_driver.Driver` on the software GPU.

    Buffers lie apart in one arena, filled with NaNs and marked as never written. `faults` maps an operation to the code it
    fails with, once, after as many good calls as `after` says. `operations` lists all calls, `launched` the kernels that ran.
    """

    name = "Emulated GPU"
    architecture = "86"
    multiprocessors = 2
    device = torch.device("cpu")
    total_memory = 1 << 30

    def __init__(self, library: ctypes.CDLL | None = None, arena_bytes: int = 96 << 20) -> None:
        self.library = library or kernel_library()
        self.resident_blocks = 3
        self.seed = 0
        self.faults: dict[str, str] = {}
        self.after = 0
        self.launched: list[tuple[str, tuple[int, int, int], int, int]] = []
        self.operations: list[str] = []
        self.streams: list[str] = []
        self._arena = np.empty(arena_bytes, np.uint8)
        self._end = -self._arena.ctypes.data % 256 + RED_ZONE
        self._tensors: list[torch.Tensor] = []

    def __del__(self) -> None:
        for tensor in self._tensors:
            self.library.emulation_remove_buffer(ctypes.c_void_p(tensor.data_ptr()))

    def inject(self, operation: str) -> None:
        self.operations.append(operation)
        if operation in self.faults:
            if self.after > 0:
                self.after -= 1
                return
            raise CudaFault(operation, self.faults.pop(operation))

    def load(self, image: bytes, names: Sequence[str]) -> dict[str, Any]:
        self.inject("load")
        return {name: name for name in names}

    def blocks_per_multiprocessor(self, kernel: Any, threads: int, shared_bytes: int) -> int:
        self.inject("occupancy")
        return 2

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        self.inject("allocate")
        size = int(np.prod(shape)) * dtype.itemsize
        start, self._end = self._end, self._end + -(-size // 256) * 256 + RED_ZONE
        assert self._end <= len(self._arena), "the emulated GPU is out of memory"
        memory = self._arena[start : start + size]
        memory[:] = 0xFF
        tensor = torch.from_numpy(memory).view(dtype).view(*shape)
        if size:
            self._add(tensor, written=False)
        return tensor

    def zero(self, tensor: torch.Tensor) -> None:
        self.inject("zero")
        tensor.zero_()
        self._host_wrote(tensor)

    def upload(self, source: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        self.inject("upload")
        tensor = self.empty(source.shape, dtype or source.dtype)
        tensor.copy_(source.detach())
        self._host_wrote(tensor)
        return tensor

    def download(self, tensor: torch.Tensor) -> NDArray[np.generic]:
        self.inject("download")
        size = tensor.numel() * tensor.element_size()
        assert not size or self.library.emulation_is_written(ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(size)), (
            "the CPU reads what no kernel wrote"
        )
        return np.asarray(tensor.clone().numpy())

    def write(self, target: torch.Tensor, source: torch.Tensor) -> None:
        self.inject("write")
        target.copy_(source)
        self._host_wrote(target)

    def adopt(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        adopted = self.empty(tensor.shape, dtype)
        adopted.copy_(tensor)
        self._host_wrote(adopted)
        return adopted

    def launch(
        self, kernel: Any, grid: tuple[int, int, int], threads: int, shared_bytes: int, arguments: Sequence[ctypes.Structure]
    ) -> None:
        self.inject("launch")
        self.launched.append((kernel, grid, threads, shared_bytes))
        addresses = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(a) for a in arguments))
        failed = self.library.emulation_launch(
            kernel.encode(),
            (ctypes.c_uint * 3)(*grid),
            ctypes.c_uint(threads),
            ctypes.c_size_t(shared_bytes),
            addresses,
            self.resident_blocks,
            ctypes.c_uint(self.seed + len(self.launched)),
        )
        if failed:
            raise AssertionError(self.library.emulation_fault().decode())

    @contextlib.contextmanager
    def stream(self, name: str) -> Iterator[None]:
        self.inject("stream")
        self.streams.append(name)
        try:
            yield
        finally:
            self.streams.pop()

    def mark(self) -> EmulatedEvent:
        self.inject("event")
        assert self.streams, "work outside any stream"
        return EmulatedEvent(self)

    def share(self, tensors: Sequence[torch.Tensor]) -> None:
        assert self.streams[-1] == "render"

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any]:
        self.inject("graph")
        result = [tensor.clone() for tensor in function()]  # replays share one memory, as those of a graph do

        def replay() -> Any:
            self.inject("replay")
            for kept, new in zip(result, function(), strict=True):
                kept.copy_(new)
            return tuple(result)

        return replay

    def synchronize(self) -> None:
        self.inject("synchronize")

    def _add(self, tensor: torch.Tensor, written: bool) -> None:
        size = ctypes.c_size_t(tensor.numel() * tensor.element_size())
        self.library.emulation_add_buffer(ctypes.c_void_p(tensor.data_ptr()), size, int(written))
        self._tensors.append(tensor)

    def _host_wrote(self, tensor: torch.Tensor) -> None:
        size = tensor.numel() * tensor.element_size()
        if size:
            held = self.library.emulation_host_wrote(ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(size))
            assert held, "the CPU writes beyond a buffer"
