"""The emulated GPU: the CUDA kernels compiled as plain C++ (emulation/), and a driver that runs them."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from renderer.cuda.driver import CudaFault
from tests.renderer.cuda.stream_order import StreamOrder

EMULATION = Path(__file__).resolve().with_name("emulation")
ROOT = EMULATION.parents[3]
KERNELS = ROOT / "renderer" / "kernels"
BUILT = ROOT / "build" / "emulation"
"""Where the compiled libraries are kept; Git ignores it."""

RED_ZONE = 4096
"""Bytes between buffers, so that an access beyond the end of one does not reach the next."""


def compiler() -> str:
    if not sys.platform.startswith("linux"):
        pytest.skip("the emulation uses what Linux's linker and C library offer")
    found = shutil.which("g++") or shutil.which("clang++")
    if found is None:
        pytest.skip("needs g++ or clang++")
    return found


def build_command(source: Path, announced: bool, target: Path) -> list[str]:
    """Return the command that compiles one source file; with `announced`, each memory access calls the emulation."""
    command = [compiler(), "-std=c++17", "-fPIC", "-Wall", "-Wextra", "-Werror", "-DMLPVID_PORTABLE"]
    command += ["-U_FORTIFY_SOURCE"]  # it refuses to switch between stacks with longjmp
    command += [f"-I{folder}" for folder in (EMULATION, EMULATION.parent, KERNELS / "cuda", KERNELS / "include")]
    command += ["-O1", "-fsanitize=thread,alignment"] if announced else ["-O2", "-fno-semantic-interposition", "-Wno-clobbered"]
    return [*command, "-x", "c++", "-c", str(source), "-o", str(target)]


def content_key(kernels: Path) -> str:
    """Return a hash of everything that affects the library: sources, headers, compiler and this file."""
    found = hashlib.sha256(subprocess.run([compiler(), "--version"], capture_output=True, check=True).stdout)
    folders = (EMULATION, KERNELS / "cuda", KERNELS / "include")
    for path in [Path(__file__), kernels, *(p for folder in folders for p in sorted(folder.rglob("*")) if p.is_file())]:
        found.update(f"{path.name} {path.stat().st_size} ".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def build_library(kernels: Path, target: Path) -> None:
    """Compile a source file of kernels together with the emulation."""
    sources = [(kernels, True), *((EMULATION / f"{n}.cpp", False) for n in ("memory", "scheduler", "runtime", "layout"))]
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        objects = [Path(folder) / f"{source.stem}.o" for source, _ in sources]
        for (source, announced), object_file in zip(sources, objects, strict=True):
            subprocess.run(build_command(source, announced, object_file), check=True)
        library = Path(folder) / target.name
        subprocess.run([compiler(), "-shared", *map(str, objects), "-o", str(library)], check=True)
        library.replace(target)


@functools.cache
def load_library(kernels: Path) -> ctypes.CDLL:
    """Load the emulation with a source file of kernels; it is built only when a source changed.

    The test processes that run at the same time share the library: the first one builds it and the others wait.
    """
    import fcntl  # Windows has no fcntl

    BUILT.mkdir(parents=True, exist_ok=True)
    target = BUILT / f"{kernels.stem}-{content_key(kernels)}.so"
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            for old in BUILT.glob(f"{kernels.stem}-*.so"):
                old.unlink()
            build_library(kernels, target)
        loaded = ctypes.CDLL(str(target))
    loaded.emulation_fault.restype = loaded.emulation_layout_name.restype = ctypes.c_char_p
    loaded.emulation_layout_value.restype = loaded.emulation_touched.restype = ctypes.c_size_t
    return loaded


def kernel_library() -> ctypes.CDLL:
    """Load the emulation with the renderer's kernels."""
    return load_library(EMULATION / "kernels.cpp")


class EmulatedEvent:
    """A point in a stream."""

    def __init__(self, driver: EmulatedDriver) -> None:
        self.driver = driver
        self.mark = driver.order.mark(driver.streams[-1])

    def wait(self) -> None:
        self.driver.inject("wait")
        self.driver.order.wait(self.driver.streams[-1], self.mark)

    def milliseconds_since(self, earlier: EmulatedEvent) -> float:
        self.driver.inject("synchronize")
        self.driver.order.synchronize(self.mark)
        return 1.0


class EmulatedReading:
    """A copy that is enqueued on a stream."""

    def __init__(self, driver: EmulatedDriver, tensor: torch.Tensor) -> None:
        self.driver = driver
        self.copy = driver.copied(tensor)
        self.mark = driver.order.mark(driver.streams[-1])

    def take(self) -> NDArray[np.generic]:
        self.driver.inject("synchronize")
        self.driver.order.synchronize(self.mark)
        return self.copy


class EmulatedDriver:
    """`renderer.cuda.driver.Driver` on the emulated GPU.

    Buffers lie apart in one arena, filled with NaNs and marked as never written; freed ones are never used again. Work is
    done at once, but `order` notices what real streams would leave to chance. `faults` maps an operation to the code it
    fails with, once or with `lasting` always, after as many good calls as `after` says. `operations` lists all calls,
    `launched` the kernels that ran.
    Buffers together have at most `memory_limit` bytes; `memory_used` is what they have now.
    `library` runs the kernels: the renderer's, compiled as C++, or what `ptx.gpu` puts in its place.
    """

    name = "Emulated GPU"
    driver_version = "1.0"
    architecture = "86"
    multiprocessors = 2
    device = torch.device("cpu")
    total_memory = 1 << 30
    free_memory = 900 << 20
    memory_limit = 1 << 40

    def __init__(self, library: Any = None, arena_bytes: int = 96 << 20) -> None:
        self.library = library or kernel_library()
        self.resident_blocks = 3
        self.seed = 0
        self.faults: dict[str, str] = {}
        self.after = 0
        self.lasting = self._capturing = False
        self.launched: list[tuple[str, tuple[int, int, int], int, int]] = []
        self.operations: list[str] = []
        self.streams: list[str] = []
        self._arena = np.empty(arena_bytes, np.uint8)
        self._end = -self._arena.ctypes.data % 256 + RED_ZONE
        self._sizes: dict[int, int] = {}
        self.order = StreamOrder()

    @property
    def memory_used(self) -> int:
        return sum(list(self._sizes.values()))

    def inject(self, operation: str) -> None:
        self.operations.append(operation)
        if operation in self.faults:
            if self.after > 0:
                self.after -= 1
                return
            raise CudaFault(operation, self.faults[operation] if self.lasting else self.faults.pop(operation))

    def load(self, image: bytes, names: Sequence[str]) -> dict[str, Any]:
        self.inject("load")
        return {name: name for name in names}

    def blocks_per_multiprocessor(self, kernel: Any, threads: int, shared_bytes: int) -> int:
        self.inject("occupancy")
        return 2

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        self.inject("allocate")
        size = int(np.prod(shape)) * dtype.itemsize
        if self.memory_used + size > self.memory_limit:
            raise CudaFault("allocate", "CUDA_ERROR_OUT_OF_MEMORY")
        start, self._end = self._end, self._end + -(-size // 256) * 256 + RED_ZONE
        assert self._end <= len(self._arena), "the emulated GPU is out of memory"
        memory = self._arena[start : start + size]
        memory[:] = 0xFF
        if size:
            address = memory.ctypes.data
            self.library.emulation_add_buffer(ctypes.c_void_p(address), ctypes.c_size_t(size), 0)
            self.order.made(address, self._stream)
            self._sizes[start] = size
            weakref.finalize(memory, _free, self.library, self._arena, self._sizes, start)
        return torch.from_numpy(memory).view(dtype).view(*shape)

    def zero(self, tensor: torch.Tensor) -> None:
        self.inject("zero")
        tensor.zero_()
        self._host_wrote(tensor)

    def upload(self, source: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        self.inject("upload")
        tensor = self.empty(source.shape, dtype or source.dtype)
        tensor.copy_(source.detach())
        self._host_wrote(tensor)
        self.order.synchronize(self.order.mark(self._stream))
        return tensor

    def download(self, tensor: torch.Tensor) -> NDArray[np.generic]:
        self.inject("download")
        copy = self.copied(tensor)
        if copy.size:
            self.order.synchronize(self.order.mark(self._stream))
        return copy

    def read(self, tensor: torch.Tensor) -> EmulatedReading:
        self.inject("read")
        return EmulatedReading(self, tensor)

    def copied(self, tensor: torch.Tensor) -> NDArray[np.generic]:
        """Return a copy that the current stream makes."""
        size = tensor.numel() * tensor.element_size()
        assert not size or self.library.emulation_is_written(ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(size)), (
            "the CPU reads what no kernel wrote"
        )
        if size:
            self.order.work(self._stream)
            self.order.touch(tensor.data_ptr(), self._stream, write=False)
        return np.asarray(tensor.clone().numpy())

    def write(self, target: torch.Tensor, source: torch.Tensor) -> None:
        self.inject("write")
        target.copy_(source)
        self._host_wrote(target)

    def lend(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        lent = self.empty(tensor.shape, dtype)
        lent.copy_(tensor)
        self._host_wrote(lent)
        return lent

    def launch(
        self, kernel: Any, grid: tuple[int, int, int], threads: int, shared_bytes: int, arguments: Sequence[ctypes.Structure]
    ) -> None:
        if self._capturing:
            return
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
        self._note_touched()

    def _note_touched(self) -> None:
        most = 256
        starts, how = (ctypes.c_void_p * most)(), (ctypes.c_int * most)()
        count = self.library.emulation_touched(starts, how, ctypes.c_size_t(most))
        self.order.work(self._stream)
        for start, touched in zip(starts[:count], how[:count], strict=True):
            for flag in (1, 2):
                if touched & flag:
                    self.order.touch(start or 0, self._stream, write=flag == 2)

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
        self.inject("share")
        for tensor in tensors:
            self.order.shared(tensor.data_ptr(), self._stream)

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any]:
        self.inject("graph")
        self._capturing = True
        try:
            result = function()  # replays share its memory, as those of a graph do
        finally:
            self._capturing = False

        def replay() -> Any:
            self.inject("replay")
            for kept, new in zip(result, function(), strict=True):
                if new is not kept:
                    kept.copy_(new)
                    self._host_wrote(kept)
            return result

        return replay

    @property
    def _stream(self) -> str:
        return self.streams[-1] if self.streams else "default"

    def _host_wrote(self, tensor: torch.Tensor) -> None:
        size = tensor.numel() * tensor.element_size()
        if size:
            held = self.library.emulation_host_wrote(ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(size))
            assert held, "the CPU writes beyond a buffer"
            self.order.work(self._stream)
            self.order.touch(tensor.data_ptr(), self._stream, write=True)


def _free(library: Any, arena: NDArray[np.uint8], sizes: dict[int, int], start: int) -> None:
    library.emulation_remove_buffer(ctypes.c_void_p(arena.ctypes.data + start))
    arena[start : start + sizes.pop(start)] = 0xFF
