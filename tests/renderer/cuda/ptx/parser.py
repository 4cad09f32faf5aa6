"""Read PTX as NVRTC writes it: the kernels, their variables and their instructions."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from tests.renderer.cuda.ptx.faults import UnknownPtxError

ALIGNMENT = 16
"""Dynamic shared memory and each kernel parameter begin at a multiple of this number of bytes."""


REGISTER_SIZES = {"pred": 1, "b16": 2, "b32": 4, "f32": 4, "b64": 8}
"""Bytes of a register by its declared type."""

SPECIAL_REGISTERS = (
    *("%tid.x", "%ntid.x", "%ctaid.x", "%ctaid.y", "%ctaid.z"),
    *("%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid"),
)
"""Registers of 32 bits that need no declaration."""


@dataclass(frozen=True)
class Register:
    """A register, or `_`, which discards what is written to it."""

    name: str
    """As in the text, such as "%r12"."""
    size: int
    """Bytes; 1 for a predicate."""


@dataclass(frozen=True)
class Constant:
    """An immediate number, or the address of a variable."""

    bits: int
    """The number; a float's bits."""


Simple = Register | Constant


@dataclass(frozen=True)
class Address:
    """Memory at a register or variable plus an offset."""

    base: Simple
    """Where it starts."""
    offset: int
    """Bytes beyond `base`."""


@dataclass(frozen=True)
class Vector:
    """Several operands in braces, or the two results of a shuffle."""

    parts: tuple[Simple, ...]
    """In the order of the text."""


@dataclass(frozen=True)
class Label:
    """The target of a branch."""

    name: str
    """As in the text, with its dollar sign."""


Operand = Simple | Address | Vector | Label


@dataclass(frozen=True)
class Instruction:
    """One instruction of a kernel."""

    opcode: str
    """With all its modifiers, such as "ld.global.nc.v4.u32"."""
    operands: tuple[Operand, ...]
    """The result first."""
    predicate: Register | None
    """Only lanes where it holds execute the instruction; None means all do."""
    negated: bool
    """Execute where the predicate does not hold."""
    text: str
    """The source line, for messages."""


@dataclass
class Kernel:
    """A kernel ready to run."""

    name: str
    """The name that the host uses."""
    parameters: list[tuple[int, int]] = field(default_factory=list)
    """Each parameter's first byte in the parameter space, and its size."""
    shared_bytes: int = 0
    """Static shared memory, up to where dynamic shared memory begins."""
    local_bytes: int = 0
    """Memory of each thread."""
    instructions: list[Instruction] = field(default_factory=list)
    """In the order of the text; a program counter is an index."""
    labels: dict[str, int] = field(default_factory=dict)
    """Program counters that branches lead to."""


def aligned(offset: int, alignment: int) -> int:
    """Return the first multiple of `alignment` that is not before `offset`."""
    return -(-offset // alignment) * alignment


def parse_program(text: str) -> dict[str, Kernel]:
    """Return the kernels of a PTX text by name.

    Raises:
        UnknownPtxError: a line is not in the part of PTX that is known.
    """
    text = re.sub(r"//[^\n]*", "", text)
    entries = re.findall(r"\.visible \.entry (\w+)\((.*?)\)(?:.*?)\n\{\n(.*?)\n\}", text, re.DOTALL)
    outside = _variables_outside(text)
    return {name: _parse_kernel(name, outside, parameters, body) for name, parameters, body in entries}


def _variables_outside(text: str) -> tuple[tuple[str, str], ...]:
    """Return the names and declarations of shared memory before the kernels."""
    found = re.finditer(r"^(?:\.extern )?(\.shared \.align \d+ \.b8 (\w+)\[\d*\];)", text, re.MULTILINE)
    return tuple((line[2], line[1]) for line in found)


@functools.lru_cache(maxsize=256)
def _parse_kernel(name: str, outside: tuple[tuple[str, str], ...], parameters: str, body: str) -> Kernel:
    """Return one kernel. A change of one kernel of a program lets the others be parsed only once."""
    return _KernelParser(name, dict(outside)).parse(parameters, body)


class _KernelParser:
    """Collects one kernel."""

    def __init__(self, name: str, outside: dict[str, str]) -> None:
        self.kernel = Kernel(name)
        self.outside = outside
        self.variables: dict[str, int] = {}
        self.sizes: dict[str, int] = {}

    def parse(self, parameters: str, body: str) -> Kernel:
        offset = 0
        for name, size in re.findall(r"\.param \.align \d+ \.b8 (\w+)\[(\d+)\]", parameters):
            self.variables[name] = offset
            self.kernel.parameters.append((offset, int(size)))
            offset = aligned(offset + int(size), ALIGNMENT)
        self._declare_memory(body)
        for line in body.splitlines():
            self._read_line(line.strip())
        missing = {op.name for i in self.kernel.instructions for op in i.operands if isinstance(op, Label)}
        if missing - set(self.kernel.labels):
            raise UnknownPtxError(f"{self.kernel.name}: no label is called {missing - set(self.kernel.labels)}")
        return self.kernel

    def _declare_memory(self, body: str) -> None:
        used = [declaration for name, declaration in self.outside.items() if re.search(rf"\b{name}\b", body)]
        declared = re.findall(r"\.(shared|local) \.align (\d+) \.b8\s+(\w+)\[(\d*)\];", "\n".join([body, *used]))
        for space, alignment, name, size in declared:
            if size:
                self.variables[name] = aligned(getattr(self.kernel, f"{space}_bytes"), int(alignment))
                setattr(self.kernel, f"{space}_bytes", self.variables[name] + int(size))
        self.kernel.shared_bytes = aligned(self.kernel.shared_bytes, ALIGNMENT)
        self.kernel.local_bytes = aligned(self.kernel.local_bytes, ALIGNMENT)
        dynamic = {name: self.kernel.shared_bytes for _, _, name, size in declared if not size}
        self.variables.update(dynamic)

    def _read_line(self, line: str) -> None:
        label = re.fullmatch(r"(\$\w+):", line)
        if label:
            self.kernel.labels[label[1]] = len(self.kernel.instructions)
            return
        if line.startswith("{.reg"):  # a block of inline assembly with its own registers
            line = line.strip("{}")
        for statement in line.split(";"):
            self._read_statement(statement.strip())

    def _read_statement(self, statement: str) -> None:
        if not statement or statement.startswith((".shared", ".local", ".pragma")):
            return
        declared = re.fullmatch(r"\.reg \.(\w+)\s+(.*)", statement)
        if declared:
            self._declare_registers(declared[1], declared[2])
            return
        found = re.fullmatch(r"(?:@(!?)(%p\d+)\s+)?([a-z][\w.]*)\s*(.*)", statement)
        if not found:
            raise UnknownPtxError(f"{self.kernel.name}: the line {statement!r} is not known")
        negated, predicate, opcode, rest = found.groups()
        operands = tuple(self._operand(text) for text in split_operands(rest))
        guard = self._register(predicate) if predicate else None
        self.kernel.instructions.append(Instruction(opcode, operands, guard, negated == "!", statement))

    def _declare_registers(self, kind: str, names: str) -> None:
        if kind not in REGISTER_SIZES:
            raise UnknownPtxError(f"{self.kernel.name}: registers of type .{kind} are not known")
        for name in names.split(","):
            family = name.strip().partition("<")[0]
            if self.sizes.setdefault(family, REGISTER_SIZES[kind]) != REGISTER_SIZES[kind]:
                raise UnknownPtxError(f"{self.kernel.name}: {family} is declared twice with different types")

    def _register(self, name: str) -> Register:
        if name in SPECIAL_REGISTERS:
            return Register(name, 4)
        size = self.sizes.get(name) or self.sizes.get(re.sub(r"\d+$", "", name))
        if size is None:
            raise UnknownPtxError(f"{self.kernel.name}: the register {name} is not known")
        return Register(name, size)

    def _operand(self, text: str) -> Operand:
        if text.startswith("{"):
            return Vector(tuple(self._simple(part.strip()) for part in text.strip("{}").split(",")))
        if text.startswith("["):
            return self._address(text)
        if text.startswith("$"):
            return Label(text)
        if "|" in text:
            return Vector(tuple(self._simple(part) for part in text.split("|")))
        return self._simple(text)

    def _address(self, text: str) -> Address:
        found = re.fullmatch(r"\[([^+\]]+)(?:\+(-?\d+))?\]", text)
        if not found:
            raise UnknownPtxError(f"{self.kernel.name}: the address {text} is not known")
        return Address(self._simple(found[1]), int(found[2] or 0))

    def _simple(self, text: str) -> Simple:
        if text == "_":
            return Register("_", 0)
        if text in self.variables:
            return Constant(self.variables[text])
        if text.startswith("0f"):
            return Constant(int(text[2:], 16))
        if re.fullmatch(r"-?(\d+|0x[0-9a-fA-F]+)", text):
            return Constant(int(text, 0))
        return self._register(text)


def split_operands(text: str) -> list[str]:
    """Split at the commas outside braces and brackets."""
    return [part.strip() for part in re.findall(r"(?:\{[^}]*\}|\[[^\]]*\]|[^,{\[])+", text) if part.strip()]
