"""The threads of all resident blocks: their registers, and the memory that each can access."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.renderer.cuda.ptx.faults import KernelFault, UnknownPtxError
from tests.renderer.cuda.ptx.memory import WORD, GlobalMemory, OwnedMemory, Part
from tests.renderer.cuda.ptx.parser import Address, Constant, Kernel, Operand, Register, Simple
from tests.renderer.cuda.ptx.races import WARP, Moment
from tests.renderer.cuda.ptx.types import STORAGE, Values, constant

Lanes = slice | NDArray[Any]
"""Some of the threads: their indices, or a slice if the indices are consecutive, which avoids copies."""


@dataclass
class Clock:
    """The number of accesses in all launches, used as the time."""

    now: int = 0
    """The number of accesses so far."""


@dataclass(frozen=True)
class Launch:
    """Everything that all threads of a launch share."""

    kernel: Kernel
    """The code."""
    grid: tuple[int, int, int]
    """Blocks."""
    threads: int
    """Threads of a block."""
    shared_bytes: int
    """Dynamic shared memory."""
    parameters: NDArray[np.uint32]
    """The arguments, as the parameter space holds them."""
    memory: GlobalMemory
    """The device's buffers."""
    clock: Clock
    """The time."""
    start: int
    """When it began."""
    random: np.random.Generator
    """Makes the choices that a GPU leaves open."""


class Threads:
    """Registers and memory of some blocks.

    Args:
        launch: the launch that they belong to.
        blocks: (n,) their numbers in the grid, counted along x, then y, then z.
    """

    def __init__(self, launch: Launch, blocks: NDArray[Any]) -> None:
        self.launch = launch
        self.count = len(blocks) * launch.threads
        index = np.arange(self.count)
        self.resident = index // launch.threads
        """Which of the resident blocks each thread is in."""
        self.block = blocks[self.resident]
        self.thread = self.block * launch.threads + index % launch.threads
        """Number of each thread in the grid."""
        self.block_barrier = np.full(self.count, launch.start)
        self.warp_barrier = np.full(self.count, launch.start)
        self._all_met = launch.start
        kernel = launch.kernel
        self.shared = OwnedMemory(len(blocks), kernel.shared_bytes + launch.shared_bytes, private=False)
        self.local = OwnedMemory(self.count, kernel.local_bytes, private=True)
        self.registers: dict[str, Values] = self._special_registers(index % launch.threads)

    def _special_registers(self, in_block: NDArray[Any]) -> dict[str, Values]:
        columns, rows, layers = self.launch.grid
        number = {
            "%tid.x": in_block,
            "%laneid": in_block % WARP,
            "%ctaid.x": self.block % columns,
            "%ctaid.y": self.block // columns % rows,
            "%ctaid.z": self.block // columns // rows,
        }
        same = {"%ntid.x": self.launch.threads, "%nctaid.x": columns, "%nctaid.y": rows, "%nctaid.z": layers}
        number |= {name: np.full(self.count, value) for name, value in same.items()}
        return {name: values.astype(np.uint32) for name, values in number.items()}

    def read(self, operand: Simple, dtype: np.dtype[Any], lanes: Lanes) -> Values:
        """Return an operand's value in each lane; one for all if it is a constant."""
        if isinstance(operand, Constant):
            return constant(operand.bits, dtype)
        values: Values = self.register(operand)[lanes]
        return values if values.dtype == dtype else values.view(dtype)

    def write(self, operand: Simple, values: Values, lanes: Lanes) -> None:
        """Set a register of some lanes."""
        assert isinstance(operand, Register), operand
        if operand.name != "_":
            register = self.register(operand)
            register[lanes] = values if values.dtype == register.dtype else values.view(register.dtype)

    def register(self, operand: Register) -> Values:
        """Return a register of all threads, as `STORAGE` says; changes of it count."""
        found = self.registers.get(operand.name)
        if found is None:  # any bits: compilers select between a value and an uninitialized one
            bits = self.launch.random.integers(0, 256, self.count * operand.size, np.uint8)
            storage = STORAGE[operand.size]
            found = self.registers[operand.name] = bits % 2 == 1 if operand.size == 1 else bits.view(storage)
        return found

    def addresses(self, operand: Operand, lanes: Lanes) -> NDArray[Any]:
        """Return the address that each lane accesses."""
        if not isinstance(operand, Address):
            raise UnknownPtxError(f"the address {operand} is not known")
        if isinstance(operand.base, Constant):
            return np.full(len(self.thread[lanes]), operand.base.bits + operand.offset)
        values = self.read(operand.base, STORAGE[operand.base.size], lanes)
        return values.astype(np.int64) + operand.offset

    def parts(self, space: str, operand: Operand, lanes: Lanes, size: int, what: str) -> Iterator[Part]:
        """Yield the accesses of `size` bytes per lane by region of memory."""
        addresses = self.addresses(operand, lanes)
        if space == "global":
            return self.launch.memory.parts(addresses, size, what)
        if space == "shared":
            return self.shared.parts(addresses, self.resident[lanes], size, what)
        return self.local.parts(addresses, np.arange(self.count)[lanes], size, what)

    def parameters(self, operand: Operand, lanes: Lanes, size: int) -> NDArray[np.uint32]:
        """Return (lanes, n) words of the parameter space."""
        addresses = self.addresses(operand, lanes)
        if (addresses % size).any() or (addresses < 0).any() or (addresses // WORD >= len(self.launch.parameters)).any():
            raise KernelFault("a parameter is read misaligned or out of bounds")
        words: NDArray[np.uint32] = self.launch.parameters[addresses[:, None] // WORD + np.arange(size // WORD)]
        return words

    def moment(self, lanes: Lanes, part: slice | NDArray[np.bool_]) -> Moment:
        """Return the lanes that access memory now, and advance the time."""
        self.launch.clock.now += 1
        columns = (self.thread, self.block, self.block_barrier, self.warp_barrier)
        thread, block, block_barrier, warp_barrier = (values[lanes][part][:, None] for values in columns)
        launch = self.launch
        return Moment(launch.clock.now, launch.start, thread, block, launch.threads, block_barrier, warp_barrier, self._all_met)

    def meet(self, lanes: Lanes, whole_block: bool) -> None:
        """Record that lanes have met at a barrier: their earlier accesses are ordered before later ones."""
        self.launch.clock.now += 1
        times = (self.block_barrier if whole_block else self.warp_barrier).copy()  # earlier moments keep the old ones
        times[lanes] = self.launch.clock.now
        if whole_block:
            self.block_barrier, self._all_met = times, int(times.min())
        else:
            self.warp_barrier = times


def as_lanes(indices: NDArray[Any]) -> Lanes:
    """Return sorted indices of threads, as a slice if they are consecutive."""
    if len(indices) and indices[-1] - indices[0] + 1 == len(indices):
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices
