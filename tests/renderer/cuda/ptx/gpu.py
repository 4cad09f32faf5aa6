"""A driver that runs PTX: the emulated GPU of `emulated_gpu.py` with a different processor."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from renderer.cuda.compile import KERNELS, program_options
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.ptx.faults import KernelFault
from tests.renderer.cuda.ptx.memory import WORD, GlobalMemory
from tests.renderer.cuda.ptx.parser import ALIGNMENT, Kernel, aligned, parse_program
from tests.renderer.cuda.ptx.races import WARP
from tests.renderer.cuda.ptx.scheduler import Code, Counts, Scheduler, decode_kernel
from tests.renderer.cuda.ptx.threads import Clock, Launch

RESIDENT_THREADS = 4096
"""Maximum number of threads that run together; they form whole blocks, at least one."""


def compile_to_ptx(source: str, name: str, options: Sequence[bytes]) -> str:
    """Compile CUDA C++ to PTX with NVRTC; the test fails with its log if that fails."""
    from cuda.bindings import nvrtc

    _, program = nvrtc.nvrtcCreateProgram(source.encode(), name.encode(), 0, [], [])
    (status,) = nvrtc.nvrtcCompileProgram(program, len(options), list(options))
    if int(status):
        log = bytearray(nvrtc.nvrtcGetProgramLogSize(program)[1])
        nvrtc.nvrtcGetProgramLog(program, log)
        raise AssertionError(log.decode())
    text = bytearray(nvrtc.nvrtcGetPTXSize(program)[1])
    nvrtc.nvrtcGetPTX(program, text)
    nvrtc.nvrtcDestroyProgram(program)
    return text.rstrip(b"\0").decode()


@functools.cache
def ptx_of(program: str, architecture: str, fused: bool = True) -> str:
    """Return the PTX of one of the renderer's programs, compiled with the renderer's options.

    Without `fused`, products and sums are rounded one by one, as in the emulation.
    """
    source = (KERNELS / "cuda" / f"{program}.cu").read_text(encoding="utf-8")
    options = program_options(program, architecture, fused)
    return compile_to_ptx(source, f"{program}.cu", options.as_bytes("nvrtc"))


def load_ptx(program: str, architecture: str, _cache: object = None) -> bytes:
    """Replace `renderer.cuda.compile.load_program`."""
    return ptx_of(program, architecture).encode()


def load_separate_ptx(program: str, architecture: str, _cache: object = None) -> bytes:
    """Replace `renderer.cuda.compile.load_program`; products and sums are rounded one by one."""
    return ptx_of(program, architecture, fused=False).encode()


class PtxProcessor:
    """Runs kernels' PTX on a driver's buffers, with the functions that `EmulatedDriver` calls.

    `at_random` schedules warps and blocks at random, by the seed that each launch is given; otherwise all run in step.
    """

    def __init__(self) -> None:
        self.at_random = False
        self.memory = GlobalMemory()
        self.counts: dict[str, Counts] = {}
        """The work that each kernel has executed so far."""
        self._codes: dict[str, Code] = {}
        self._clock = Clock()
        self._fault = ""

    def load(self, text: str, names: Sequence[str]) -> None:
        """Parse a program and decode some of its kernels."""
        kernels = parse_program(text)
        self._codes |= {name: decode_kernel(kernels[name]) for name in names}

    def kernel(self, name: str) -> Kernel:
        """Return a loaded kernel."""
        return self._codes[name].kernel

    def run(
        self, name: str, grid: tuple[int, int, int], threads: int, shared_bytes: int, arguments: list[bytes], seed: int
    ) -> None:
        """Run one launch to its end.

        Raises:
            KernelFault: the kernel did something wrong.
        """
        if threads % WARP:
            raise KernelFault("blocks that end with an incomplete warp are not supported")
        code, random = self._codes[name], np.random.default_rng(seed)
        self._clock.now += 1
        launch = Launch(
            code.kernel, grid, threads, shared_bytes, pack_parameters(code.kernel, arguments), self.memory, self._clock,
            self._clock.now, random,
        )  # fmt: skip
        blocks = np.arange(grid[0] * grid[1] * grid[2])
        if self.at_random:
            random.shuffle(blocks)
        together = max(1, RESIDENT_THREADS // threads)
        counts = self.counts.setdefault(name, Counts())
        with np.errstate(all="ignore"):
            for first in range(0, len(blocks), together):
                scheduler = Scheduler(code, launch, blocks[first : first + together], self.at_random)
                scheduler.run()
                counts.instructions += scheduler.counts.instructions
                counts.turns += scheduler.counts.turns

    # The functions that EmulatedDriver calls, with the arguments of the C functions.

    def emulation_launch(
        self, name: bytes, grid: Any, threads: Any, shared_bytes: Any, addresses: Any, _: int, seed: Any
    ) -> int:
        kernel = self.kernel(name.decode())
        arguments = [ctypes.string_at(addresses[i], size) for i, (_, size) in enumerate(kernel.parameters)]
        try:
            self.run(kernel.name, tuple(grid), threads.value, shared_bytes.value, arguments, seed.value)
        except KernelFault as fault:
            self._fault = f"{kernel.name}: {fault}"
            return 1
        return 0

    def emulation_fault(self) -> bytes:
        return self._fault.encode()

    def emulation_add_buffer(self, start: Any, size: Any, written: int) -> None:
        self.memory.add(start.value, size.value, bool(written))

    def emulation_remove_buffer(self, start: Any) -> None:
        self.memory.remove(start.value)

    def emulation_host_wrote(self, start: Any, size: Any) -> bool:
        found = self.memory.find(start.value, size.value)
        if found:
            first = (start.value - found[0]) // WORD
            found[1].written[first : first + -(-size.value // WORD)] = True
        return found is not None

    def emulation_is_written(self, start: Any, size: Any) -> bool:
        found = self.memory.find(start.value, size.value)
        if not found:
            return False
        first = (start.value - found[0]) // WORD
        return bool(found[1].written[first : first + -(-size.value // WORD)].all())

    def emulation_touched(self, _starts: Any, _how: Any, _most: Any) -> int:
        return 0  # the tests of the emulation check the order between streams


def pack_parameters(kernel: Kernel, arguments: list[bytes]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """Return the parameter space of a launch."""
    packed = bytearray()
    for (offset, _), argument in zip(kernel.parameters, arguments, strict=True):
        packed += bytes(offset - len(packed)) + argument
    return np.frombuffer(bytes(packed) + bytes(aligned(len(packed), ALIGNMENT) - len(packed)), np.uint32)


class PtxDriver(EmulatedDriver):
    """A GPU of some architecture that executes PTX.

    Args:
        architecture: a number such as "86".
        seed: seed of the random schedule; None runs all warps in step.
        processor: runs the kernels; None makes a new one.
    """

    name = "GPU that runs PTX"

    def __init__(self, architecture: str = "86", seed: int | None = None, processor: PtxProcessor | None = None) -> None:
        self.processor = processor or PtxProcessor()
        super().__init__(self.processor)
        self.architecture = architecture
        self.processor.at_random = seed is not None
        self.seed = seed or 0

    def load(self, image: bytes, names: Sequence[str]) -> dict[str, Any]:
        self.processor.load(image.decode(), names)
        return super().load(image, names)

    def launch(
        self, kernel: Any, grid: tuple[int, int, int], threads: int, shared_bytes: int, arguments: Sequence[ctypes.Structure]
    ) -> None:
        sizes = [size for _, size in self.processor.kernel(kernel).parameters]
        assert sizes == [ctypes.sizeof(argument) for argument in arguments], f"{kernel}: arguments of other sizes"
        super().launch(kernel, grid, threads, shared_bytes, arguments)
