"""Count the instructions that a kernel executes per sample, from its machine code (SASS)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError

CLASSES = (
    ("wide load", r"LD[GS]\.E.*\.128|LDG\.128|LDS\.128"),
    ("load", r"LDG|LDC|LDL"),
    ("shared", r"LDS|STS|ATOMS"),
    ("store", r"STG|STL|RED|ATOM"),
    ("tensor", r"HMMA"),
    ("conversion", r"F2I|I2F(?!P)|MUFU"),
    ("float", r"FFMA|FADD|FMUL|FMNMX|FSETP|FSEL|FCHK|HADD2|HFMA2|HMUL2|I2FP"),
    ("control", r"BRA|EXIT|BSSY|BSYNC|WARPSYNC|CALL|RET|NOP|BAR|YIELD|VOTE|BREAK"),
)
"""Kinds of instructions, as patterns for the start of their names. All other instructions are of kind "integer"."""


@dataclass(frozen=True)
class Instruction:
    """One instruction."""

    address: int
    """Byte offset from the start of the kernel."""
    name: str
    """Name with modifiers, such as "LDG.E.128.CONSTANT"."""
    target: int | None
    """Address that it jumps to; None for other instructions."""

    @property
    def kind(self) -> str:
        """One of `CLASSES`, or "integer"."""
        return next((kind for kind, pattern in CLASSES if re.match(pattern, self.name)), "integer")


def find_disassembler() -> str:
    """Return the path of nvdisasm; InputError when it is not installed."""
    packages = Path(sysconfig.get_paths()["purelib"]) / "nvidia"
    found = [str(path) for path in packages.glob("*/bin/nvdisasm*")]
    name = shutil.which("nvdisasm") or (found[0] if found else None)
    if name is None:
        raise InputError("nvdisasm", "is not installed", "install with `pip install nvidia-cuda-nvdisasm`")
    return name


def disassemble(code: bytes) -> dict[str, list[Instruction]]:
    """Return the instructions of each kernel of a cubin, by the name of the kernel."""
    return parse(listing(code))


def listing(code: bytes) -> str:
    """Return the machine code of a cubin as nvdisasm prints it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "code.cubin"
        path.write_bytes(code)
        return subprocess.run([find_disassembler(), "-c", str(path)], check=True, capture_output=True, text=True).stdout


def parse(text: str) -> dict[str, list[Instruction]]:
    """Read the output of nvdisasm: instructions by the name of the kernel."""
    kernels: dict[str, list[Instruction]] = {}
    for part in re.split(r"^//-+ \.text\.", text, flags=re.MULTILINE)[1:]:
        name = part.split()[0]
        lines = list(
            re.finditer(r"^(\.L_\w+):|/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)([^;]*);", part, re.MULTILINE)
        )
        labels: dict[str, int] = {}
        waiting: list[str] = []
        for line in lines:
            if line.group(1):
                waiting.append(line.group(1))
            else:
                labels |= dict.fromkeys(waiting, int(line.group(2), 16))
                waiting = []
        kernels[name] = [_instruction(line, labels) for line in lines if not line.group(1)]
    return kernels


def _instruction(line: re.Match[str], labels: dict[str, int]) -> Instruction:
    jump = re.search(r"`\((\.L_\w+)\)", line.group(4))
    jumps = line.group(3).startswith("BRA") and jump is not None
    return Instruction(int(line.group(2), 16), line.group(3), labels.get(jump.group(1)) if jump and jumps else None)


def loops(instructions: list[Instruction]) -> list[list[Instruction]]:
    """Return the bodies of all loops: from the target of a backward jump to the jump."""
    ends: dict[int, int] = {}
    for instruction in instructions:
        if instruction.target is not None and instruction.target < instruction.address:
            ends[instruction.target] = max(ends.get(instruction.target, 0), instruction.address)
    return [[i for i in instructions if start <= i.address <= end] for start, end in sorted(ends.items())]


def loop_with(instructions: list[Instruction], kind: str, count: int) -> list[Instruction]:
    """Return the smallest loop with exactly `count` instructions of a kind; ValueError when there is none."""
    bodies = [body for body in loops(instructions) if sum(i.kind == kind for i in body) == count]
    if not bodies:
        found = sorted({sum(i.kind == kind for i in body) for body in loops(instructions)})
        raise ValueError(f"no loop has {count} instructions of kind {kind}, only {found}")
    return min(bodies, key=len)


def mix(instructions: list[Instruction]) -> Counter[str]:
    """Count the instructions of each kind."""
    return Counter(instruction.kind for instruction in instructions)
