"""The registers and shared memory of a compiled kernel, and its occupancy of a multiprocessor."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class KernelResources:
    """The resources that a kernel needs, from the compiler's log."""

    registers: int
    """Registers per thread."""
    shared_bytes: int
    """Static shared memory of a block."""
    stack_bytes: int
    """Local memory of a thread."""
    spill_bytes: int
    """Bytes of registers spilled to local memory, per thread."""


@dataclass(frozen=True)
class Multiprocessor:
    """Limits of one multiprocessor (CUDA C++ Programming Guide, technical specifications by compute capability)."""

    registers: int = 65536
    """32-bit registers."""
    threads: int = 1536
    """Resident threads."""
    blocks: int = 16
    """Resident blocks."""
    shared_bytes: int = 100 << 10
    """Shared memory, 1 KiB of it reserved in each block."""
    partitions: int = 4
    """Schedulers, each with an equal share of registers and warps."""


SM_86 = Multiprocessor()
"""Limits of an RTX 30 (GA10x)."""


def parse_log(log: str) -> dict[str, KernelResources]:
    """Read the needs of each kernel from the log of ptxas -v."""
    found: dict[str, KernelResources] = {}
    for part in log.split("Compiling entry function '")[1:]:
        name = part.partition("'")[0]
        stack, stores, loads = _numbers(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part)
        (registers,) = _numbers(r"Used (\d+) registers", part)
        shared = re.search(r"(\d+) bytes smem", part)
        found[name] = KernelResources(registers, int(shared.group(1)) if shared else 0, stack, stores + loads)
    return found


def resident_blocks(needs: KernelResources, threads: int, dynamic_bytes: int = 0, limits: Multiprocessor = SM_86) -> int:
    """Return how many blocks of a kernel fit on a multiprocessor at once.

    Args:
        needs: resources of the kernel.
        threads: threads per block.
        dynamic_bytes: dynamic shared memory of a block.
        limits: limits of the multiprocessor.
    """
    warps = -(-threads // 32)
    registers_a_warp = -(-needs.registers * 32 // 256) * 256
    warps_by_registers = limits.registers // limits.partitions // registers_a_warp * limits.partitions
    shared = needs.shared_bytes + dynamic_bytes + 1024
    return min(limits.blocks, limits.threads // (warps * 32), warps_by_registers // warps, limits.shared_bytes // shared)


def _numbers(pattern: str, text: str) -> tuple[int, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"the compiler's log lacks {pattern!r}")
    return tuple(int(value) for value in match.groups())
