"""The operations that all lanes of a warp execute together: shuffles, votes and matrix products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.renderer.cuda.ptx import fragments
from tests.renderer.cuda.ptx.decoder import parts_of, simple
from tests.renderer.cuda.ptx.faults import KernelFault, UnknownPtxError
from tests.renderer.cuda.ptx.parser import Instruction, Simple
from tests.renderer.cuda.ptx.races import WARP
from tests.renderer.cuda.ptx.threads import Lanes, Threads
from tests.renderer.cuda.ptx.types import DTYPES, Values

LANE = np.arange(WARP)
WHOLE_WARP = 0xFFFFFFFF

WarpStep = Callable[[Threads, Lanes, Instruction], None]
"""Executes an operation for whole warps."""


def by_warp(threads: Threads, operand: Simple, kind: str, lanes: Lanes) -> Values:
    """Return an operand as (warps, 32)."""
    values = threads.read(operand, DTYPES[kind], lanes)
    return np.broadcast_to(values, len(threads.thread[lanes])).reshape(-1, WARP)


def check_mask(threads: Threads, mask: Simple, lanes: Lanes) -> None:
    """Raise `KernelFault` unless the operand names the whole warp. The kernels use no other mask."""
    if (by_warp(threads, mask, "u32", lanes) != WHOLE_WARP).any():
        raise KernelFault("operations on a part of a warp are not supported")


def shuffle(threads: Threads, lanes: Lanes, instruction: Instruction) -> None:
    """Execute `shfl.sync`: each lane gets another lane's value, or its own if that lane is outside its segment."""
    target, *sources = instruction.operands
    value, lane, clamp, mask = (part for source in sources for part in parts_of(source))
    check_mask(threads, mask, lanes)
    given = by_warp(threads, value, "b32", lanes)
    b = by_warp(threads, lane, "u32", lanes).astype(np.int64) & 31
    c = by_warp(threads, clamp, "u32", lanes).astype(np.int64)
    segment, limit = c >> 8 & 31, c & 31
    first, last = LANE & segment, (LANE & segment) | (limit & ~segment)
    mode = instruction.opcode.split(".")[2]
    source = {"up": LANE - b, "down": LANE + b, "bfly": LANE ^ b, "idx": first | (b & ~segment)}[mode]
    valid = source >= last if mode == "up" else source <= last
    result, *predicate = parts_of(target)
    threads.write(result, np.take_along_axis(given, np.where(valid, source, LANE), axis=1).ravel(), lanes)
    if predicate:
        threads.write(predicate[0], valid.ravel(), lanes)


def vote(threads: Threads, lanes: Lanes, instruction: Instruction) -> None:
    """Execute `vote.sync`: all lanes learn in which lanes a predicate holds."""
    target, predicate, mask = simple(instruction)
    check_mask(threads, mask, lanes)
    holds = by_warp(threads, predicate, "pred", lanes)
    results = {
        "ballot": lambda: (holds.astype(np.uint64) << LANE.astype(np.uint64)).sum(1).astype(np.uint32),
        "any": lambda: holds.any(1),
        "all": lambda: holds.all(1),
    }
    result = results[instruction.opcode.split(".")[2]]()
    threads.write(target, np.repeat(result, WARP), lanes)


def multiply_matrices(threads: Threads, lanes: Lanes, instruction: Instruction) -> None:
    """Execute `mma.sync`; see `fragments`."""
    target, *sources = instruction.operands
    a, b, c = (
        np.stack([by_warp(threads, part, kind, lanes) for part in parts_of(source)], axis=-1)
        for source, kind in zip(sources, ("b32", "b32", "f32"), strict=True)
    )
    result = fragments.multiply(fragments.SHAPES[instruction.opcode], a, b, c)
    for i, part in enumerate(parts_of(target)):
        threads.write(part, np.ascontiguousarray(result[..., i]).ravel(), lanes)


def warp_barrier(threads: Threads, lanes: Lanes, instruction: Instruction) -> None:
    """Execute `bar.warp.sync`."""
    check_mask(threads, simple(instruction)[0], lanes)
    threads.meet(lanes, whole_block=False)


WARP_STEPS: dict[str, WarpStep] = {
    **{f"shfl.sync.{mode}.b32": shuffle for mode in ("up", "down", "bfly", "idx")},
    **dict.fromkeys(("vote.sync.any.pred", "vote.sync.all.pred", "vote.sync.ballot.b32"), vote),
    **dict.fromkeys(fragments.SHAPES, multiply_matrices),
    "bar.warp.sync": warp_barrier,
}
"""By instruction."""

BLOCK_BARRIER = "bar.sync"


def waits(instruction: Instruction) -> bool:
    """Return whether lanes wait for others at an instruction.

    Raises:
        UnknownPtxError: a predicate excludes lanes from it, or the barrier is of an unknown kind.
    """
    synchronizes = instruction.opcode in WARP_STEPS or instruction.opcode == BLOCK_BARRIER
    if synchronizes and instruction.predicate:
        raise UnknownPtxError(f"{instruction.opcode} with a predicate is not known ({instruction.text})")
    if instruction.opcode == BLOCK_BARRIER and len(instruction.operands) != 1:
        raise UnknownPtxError(f"{instruction.opcode} of some threads is not known ({instruction.text})")
    return synchronizes
