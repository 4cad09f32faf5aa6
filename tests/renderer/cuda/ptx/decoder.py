"""Turn parsed instructions into functions of the threads and the lanes that execute them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from tests.renderer.cuda.ptx.arithmetic import ARITHMETIC
from tests.renderer.cuda.ptx.faults import UnknownPtxError
from tests.renderer.cuda.ptx.parser import Address, Constant, Instruction, Label, Operand, Register, Simple, Vector
from tests.renderer.cuda.ptx.threads import Lanes, Threads
from tests.renderer.cuda.ptx.types import DTYPES, STORAGE, Values

Step = Callable[[Threads, Lanes], None]
"""Executes one instruction."""

LOAD = re.compile(r"ld\.(global|shared|local|param)(?:(?<=global)\.nc)?(?:\.v([24]))?\.([busf](?:32|64))")
STORE = re.compile(r"st\.(global|shared|local)(?:\.v([24]))?\.([busf](?:32|64))")
ATOMIC = re.compile(r"atom(?:\.relaxed\.gpu)?\.(global|shared)\.add\.([us](?:32|64))")
"""The known instructions that access memory, by full name."""


def decode(instruction: Instruction, used: frozenset[str]) -> Step:
    """Return a function that executes an instruction which neither branches nor waits.

    Args:
        instruction: as parsed.
        used: names of all registers that the kernel reads anywhere.

    Raises:
        UnknownPtxError: no such instruction is known.
    """
    opcode, operands = instruction.opcode, instruction.operands
    if opcode in ("mov.b32", "mov.b64") and any(isinstance(operand, Vector) for operand in operands):
        return _decode_packing(opcode, operands[0], operands[1])
    if opcode in ARITHMETIC:
        return _decode_arithmetic(instruction)
    if found := LOAD.fullmatch(opcode):
        return _decode_load(found, operands, used)
    if found := STORE.fullmatch(opcode):
        return _decode_store(found, operands)
    if found := ATOMIC.fullmatch(opcode):
        return _decode_atomic(found, operands)
    raise UnknownPtxError(f"the instruction {opcode} is not known ({instruction.text})")


def registers_read(instructions: Iterable[Instruction]) -> frozenset[str]:
    """Return the names of all registers that any instruction reads."""
    names = set()
    for instruction in instructions:
        has_result = not instruction.opcode.startswith(("st.", "bra", "bar."))
        target, sources = instruction.operands[:1], instruction.operands[1:]
        operands = [*(() if has_result else target), *sources]
        read = [part for operand in operands for part in parts_of(operand)] + [instruction.predicate]
        names |= {part.name for part in read if isinstance(part, Register)}
    return frozenset(names)


def simple(instruction: Instruction) -> list[Simple]:
    """Return the operands of an instruction that takes only registers and constants."""
    found = [operand for operand in instruction.operands if isinstance(operand, Register | Constant)]
    if len(found) != len(instruction.operands):
        raise UnknownPtxError(f"{instruction.opcode} with such operands is not known ({instruction.text})")
    return found


def parts_of(operand: Operand) -> tuple[Simple, ...]:
    """Return the registers and constants that an operand consists of."""
    if isinstance(operand, Vector):
        return operand.parts
    if isinstance(operand, Address):
        return (operand.base,)
    return () if isinstance(operand, Label) else (operand,)


def _decode_arithmetic(instruction: Instruction) -> Step:
    entry = ARITHMETIC[instruction.opcode]
    target, *sources = simple(instruction)
    if len(sources) != len(entry.sources):
        raise UnknownPtxError(f"{instruction.opcode} with {len(sources)} operands is not known ({instruction.text})")
    for operand, kind in zip((target, *sources), (entry.result, *entry.sources), strict=True):
        if isinstance(operand, Register) and operand.name != "_" and operand.size != DTYPES[kind].itemsize:
            raise UnknownPtxError(f"{instruction.opcode}: {operand.name} has another width ({instruction.text})")
    inputs = [(source, DTYPES[kind]) for source, kind in zip(sources, entry.sources, strict=True)]
    function = entry.function

    def step(threads: Threads, lanes: Lanes) -> None:
        threads.write(target, function(*[threads.read(source, dtype, lanes) for source, dtype in inputs]), lanes)

    return step


def _decode_packing(opcode: str, target: Operand, source: Operand) -> Step:
    whole = DTYPES[opcode.removeprefix("mov.")]
    half, bits = STORAGE[whole.itemsize // 2], 4 * whole.itemsize
    targets, sources = parts_of(target), parts_of(source)

    def unpack(threads: Threads, lanes: Lanes) -> None:
        value = threads.read(sources[0], whole, lanes)
        for i, part in enumerate(targets):
            threads.write(part, (value >> whole.type(i * bits)).astype(half), lanes)

    def pack(threads: Threads, lanes: Lanes) -> None:
        low, high = (threads.read(part, half, lanes).astype(whole) for part in sources)
        threads.write(targets[0], low | (high << whole.type(bits)), lanes)

    return unpack if isinstance(target, Vector) else pack


def _decode_load(found: re.Match[str], operands: tuple[Operand, ...], used: frozenset[str]) -> Step:
    space, dtype, targets = found[1], DTYPES[found[3]], parts_of(operands[0])
    size = dtype.itemsize * int(found[2] or 1)
    # Only some parts of a vector may be needed: nobody writes the fourth number of a float4 with three colors.
    demanded = np.repeat([isinstance(target, Register) and target.name in used for target in targets], dtype.itemsize // 4)

    def step(threads: Threads, lanes: Lanes) -> None:
        if space == "param":
            words = threads.parameters(operands[1], lanes, size)
        else:
            words = np.empty((len(threads.thread[lanes]), size // 4), np.uint32)
            for part in threads.parts(space, operands[1], lanes, size, "read"):
                words[part.lanes] = part.region.load(part.words, threads.moment(lanes, part.lanes), demanded)
        values = words.view(dtype)
        for i, target in enumerate(targets):
            threads.write(target, _widened(values[:, i], target), lanes)

    return step


def _widened(values: Values, target: Simple) -> Values:
    """Extend loaded values to the width of their register; signed values keep their sign."""
    assert isinstance(target, Register)
    values = np.ascontiguousarray(values)
    if target.size <= values.dtype.itemsize:
        return values
    return values.astype(np.int64 if values.dtype.kind == "i" else np.uint64)


def _decode_store(found: re.Match[str], operands: tuple[Operand, ...]) -> Step:
    space, dtype, sources = found[1], DTYPES[found[3]], parts_of(operands[1])
    size = dtype.itemsize * int(found[2] or 1)

    def step(threads: Threads, lanes: Lanes) -> None:
        values = np.empty((len(threads.thread[lanes]), len(sources)), dtype)
        for i, source in enumerate(sources):
            values[:, i] = threads.read(source, dtype, lanes)
        words = values.view(np.uint32)
        for part in threads.parts(space, operands[0], lanes, size, "write"):
            part.region.store(part.words, words[part.lanes], threads.moment(lanes, part.lanes))

    return step


def _decode_atomic(found: re.Match[str], operands: tuple[Operand, ...]) -> Step:
    space, dtype = found[1], DTYPES[found[2]]
    (target,), (addend,) = parts_of(operands[0]), parts_of(operands[2])

    def step(threads: Threads, lanes: Lanes) -> None:
        count = len(threads.thread[lanes])
        bits = threads.read(addend, dtype, lanes).astype(np.uint64)
        values = np.broadcast_to(bits, count)
        before = np.empty(count, np.uint64)
        for part in threads.parts(space, operands[1], lanes, dtype.itemsize, "atomic"):
            mine = values[part.lanes]
            order = threads.launch.random.permutation(len(mine))
            before[part.lanes] = part.region.add(part.words, mine, threads.moment(lanes, part.lanes), order)
        threads.write(target, before.astype(dtype), lanes)

    return step
