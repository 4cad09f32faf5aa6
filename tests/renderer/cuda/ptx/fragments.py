"""The layout of the matrices of `mma.sync` in the 32 lanes of a warp (PTX ISA, "Matrix Fragments")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.renderer.cuda.ptx.types import Values

LANES = np.arange(32)[:, None]
GROUP = LANES // 4
"""groupID in the ISA, (32, 1)."""
IN_GROUP = LANES % 4
"""threadID_in_group in the ISA, (32, 1)."""


@dataclass(frozen=True)
class Fragment:
    """The positions in a matrix of the elements that each lane holds."""

    rows: NDArray[Any]
    """(32, elements) of the matrix."""
    columns: NDArray[Any]
    """(32, elements) of the matrix."""
    shape: tuple[int, int]
    """Rows and columns of the matrix."""

    def assemble(self, elements: Values) -> Values:
        """Return the matrices (warps, rows, columns) of the lanes' elements (warps, 32, elements)."""
        matrix = np.full((len(elements), *self.shape), np.nan)
        matrix[:, self.rows, self.columns] = elements
        return matrix

    def take(self, matrices: Values) -> Values:
        """Return the lanes' elements (warps, 32, elements) of matrices (warps, rows, columns)."""
        taken: Values = matrices[:, self.rows, self.columns]
        return taken


@dataclass(frozen=True)
class MatrixShape:
    """The three fragments of one `mma.sync`. Its sums have the layout of its results."""

    a: Fragment
    """Halves, two in a register."""
    b: Fragment
    """Halves, two in a register."""
    d: Fragment
    """Floats."""


def _fragment_a(depth: int) -> Fragment:
    # Elements 0 and 1 lie in row groupID, 2 and 3 eight rows below; elements 4 to 7 repeat that eight columns further.
    i = np.arange(depth // 2)
    return Fragment(GROUP + 8 * (i // 2 % 2), 2 * IN_GROUP + i % 2 + 8 * (i // 4), (16, depth))


def _fragment_b(depth: int) -> Fragment:
    i = np.arange(depth // 4)
    return Fragment(2 * IN_GROUP + i % 2 + 8 * (i // 2), GROUP + 0 * i, (depth, 8))


def _fragment_d() -> Fragment:
    i = np.arange(4)
    return Fragment(GROUP + 8 * (i // 2), 2 * IN_GROUP + i % 2, (16, 8))


SHAPES: dict[str, MatrixShape] = {
    "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32": MatrixShape(_fragment_a(8), _fragment_b(8), _fragment_d()),
    "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32": MatrixShape(_fragment_a(16), _fragment_b(16), _fragment_d()),
}
"""By instruction."""


def halves(registers: Values) -> Values:
    """Return (..., 2 n) numbers of (..., n) registers with two halves each, the lower bits first."""
    return np.ascontiguousarray(registers).view(np.float16).astype(np.float64)


def multiply(shape: MatrixShape, a: Values, b: Values, c: Values) -> Values:
    """Return the lanes' elements of D = A B + C (warps, 32, 4), summed without rounding until the end.

    Args:
        shape: the instruction.
        a: (warps, 32, registers) uint32.
        b: also (warps, 32, registers) uint32.
        c: (warps, 32, 4) float32.
    """
    product = shape.a.assemble(halves(a)) @ shape.b.assemble(halves(b)) + shape.d.assemble(c)
    return shape.d.take(product).astype(np.float32)
