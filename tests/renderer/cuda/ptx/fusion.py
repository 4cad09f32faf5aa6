"""Fuse successive instructions that use only registers into one Python function.

Reading and writing the registers of each instruction would take most of the interpreter's time. A fused function reads each
register at most once, keeps results in local variables, and writes back only registers that other instructions read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tests.renderer.cuda.ptx.arithmetic import ARITHMETIC
from tests.renderer.cuda.ptx.decoder import Step, parts_of, registers_read
from tests.renderer.cuda.ptx.parser import Constant, Instruction, Register, Simple, Vector
from tests.renderer.cuda.ptx.types import DTYPES, STORAGE, Values, constant

PACKING = ("mov.b32", "mov.b64")
"""Instructions that join or split registers if an operand is a vector."""


def can_be_fused(instruction: Instruction) -> bool:
    """Return whether an instruction uses only registers and cannot fail."""
    if any(isinstance(operand, Vector) for operand in instruction.operands):
        return instruction.opcode in PACKING and instruction.predicate is None
    return instruction.opcode in ARITHMETIC and not instruction.opcode.startswith(("div.s", "div.u", "rem."))


def fuse(instructions: Sequence[Instruction], starts: Iterable[int]) -> dict[int, tuple[Step, int]]:
    """Return the fused functions of a kernel, each with the number of its instructions, by program counter.

    Args:
        instructions: the whole kernel.
        starts: program counters that branches lead to.
    """
    runs = _runs(instructions, frozenset(starts))
    inside = {pc for first, length in runs for pc in range(first, first + length)}
    others = [instruction for pc, instruction in enumerate(instructions) if pc not in inside]
    needed = set(registers_read(others))
    needed |= {part.name for i in others if i.predicate for part in parts_of(i.operands[0]) if isinstance(part, Register)}
    writers = {first: _Writer() for first, _ in runs}
    for first, length in runs:
        for instruction in instructions[first : first + length]:
            writers[first].add(instruction)
        needed |= writers[first].read.keys()
    return {first: (writers[first].function(needed), length) for first, length in runs}


def _runs(instructions: Sequence[Instruction], starts: frozenset[int]) -> list[tuple[int, int]]:
    """Return where successive instructions can be fused: the first one, and how many."""
    runs: list[tuple[int, int]] = []
    for pc, instruction in enumerate(instructions):
        if not can_be_fused(instruction):
            continue
        if runs and sum(runs[-1]) == pc and pc not in starts:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((pc, 1))
    return runs


class _Writer:
    """Writes the source of one fused function."""

    def __init__(self) -> None:
        self.read: dict[str, Register] = {}
        """Registers whose value from before is used."""
        self._lines: list[str] = []
        self._scope: dict[str, Any] = {"where": np.where}
        self._kinds: dict[str, np.dtype[Any]] = {}
        self._written: dict[str, Register] = {}

    def add(self, instruction: Instruction) -> None:
        """Append an instruction."""
        target, *sources = instruction.operands
        if isinstance(target, Vector):
            self._split(instruction.opcode, parts_of(sources[0])[0], target.parts)
        elif isinstance(sources[0], Vector):
            self._join(instruction.opcode, target, sources[0].parts)
        else:
            self._compute(instruction)

    def function(self, needed: set[str]) -> Step:
        """Return the function. It writes back the registers whose names are in `needed`."""
        lines = list(self._lines)
        for name, register in self._written.items():
            if name in needed:
                value = self._as(name, STORAGE[register.size])
                lines.append(f"register({self._constant(register)})[lanes] = {value}")
        source = "def fused(threads, lanes):\n    register = threads.register\n" + "".join(f"    {line}\n" for line in lines)
        exec(compile(source, "<fused PTX>", "exec"), self._scope)
        made: Step = self._scope["fused"]
        return made

    def _compute(self, instruction: Instruction) -> None:
        entry = ARITHMETIC[instruction.opcode]
        target, *sources = instruction.operands
        given = [self._value(source, DTYPES[kind]) for source, kind in zip(sources, entry.sources, strict=True)]
        if instruction.opcode.startswith(("mov.", "cvta.")):  # these return their operand, which may change later
            value = f"{given[0]}.copy()"
        else:
            value = f"{self._constant(entry.function)}({', '.join(given)})"
        if instruction.predicate is not None:
            holds = self._value(instruction.predicate, DTYPES["pred"])
            old = self._value(target, DTYPES[entry.result])
            value = f"where({holds}, {old}, {value})" if instruction.negated else f"where({holds}, {value}, {old})"
        self._assign(target, value, DTYPES[entry.result])

    def _split(self, opcode: str, source: Simple, parts: tuple[Simple, ...]) -> None:
        whole = DTYPES[opcode.removeprefix("mov.")]
        value, split = self._value(source, whole), self._constant(_splitter(whole))
        for i, part in enumerate(parts):
            self._assign(part, f"{split}({value}, {i})", STORAGE[whole.itemsize // 2])

    def _join(self, opcode: str, target: Any, parts: tuple[Simple, ...]) -> None:
        whole = DTYPES[opcode.removeprefix("mov.")]
        low, high = (self._value(part, STORAGE[whole.itemsize // 2]) for part in parts)
        self._assign(target, f"{self._constant(_joiner(whole))}({low}, {high})", whole)

    def _value(self, operand: Any, dtype: np.dtype[Any]) -> str:
        """Return the expression of an operand's value."""
        if isinstance(operand, Constant):
            return self._constant(constant(operand.bits, dtype))
        if operand.name not in self._kinds:
            self.read[operand.name] = operand
            self._kinds[operand.name] = STORAGE[operand.size]
            self._lines.append(f"{_variable(operand.name)} = register({self._constant(operand)})[lanes]")
        return self._as(operand.name, dtype)

    def _as(self, name: str, dtype: np.dtype[Any]) -> str:
        variable = _variable(name)
        return variable if self._kinds[name] == dtype else f"{variable}.view({self._constant(dtype)})"

    def _assign(self, target: Any, value: str, dtype: np.dtype[Any]) -> None:
        if target.name == "_":
            return
        self._lines.append(f"{_variable(target.name)} = {value}")
        self._kinds[target.name] = dtype
        self._written[target.name] = target

    def _constant(self, value: object) -> str:
        """Return the name of an object that the function uses."""
        name = f"k{len(self._scope)}"
        self._scope[name] = value
        return name


def _variable(register: str) -> str:
    return register.replace("%", "r_").replace(".", "_")


def _splitter(whole: np.dtype[Any]) -> Callable[[Values, int], Values]:
    half, bits = STORAGE[whole.itemsize // 2], 4 * whole.itemsize
    return lambda value, i: (value >> whole.type(i * bits)).astype(half)


def _joiner(whole: np.dtype[Any]) -> Callable[[Values, Values], Values]:
    bits = whole.type(4 * whole.itemsize)

    def join(low: Values, high: Values) -> Values:
        joined: Values = low.astype(whole) | (high.astype(whole) << bits)
        return joined

    return join
