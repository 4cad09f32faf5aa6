"""The instructions that use only a lane's registers, by their full names, as functions of NumPy arrays.

The tables follow the PTX ISA's sections "Integer Arithmetic", "Floating-Point", "Comparison and Selection", "Logic and
Shift" and "Data Movement and Conversion". Names that are in no table raise an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.renderer.cuda.ptx.faults import KernelFault
from tests.renderer.cuda.ptx.types import DTYPES, Values

Function = Callable[..., Values]


@dataclass(frozen=True)
class Arithmetic:
    """The computation of one instruction."""

    result: str
    """PTX type of the result."""
    sources: tuple[str, ...]
    """PTX types of the operands."""
    function: Function
    """Takes and returns arrays of those types."""


def divide(a: Values, b: Values) -> Values:
    """Divide integers, rounding toward zero."""
    if not np.all(b):
        raise KernelFault("an integer is divided by zero")
    wide = a.astype(np.int64)
    result: Values = (np.abs(wide) // np.abs(b.astype(np.int64)) * np.sign(wide) * np.sign(b)).astype(a.dtype)
    return result


def remainder(a: Values, b: Values) -> Values:
    """Return the remainder of an integer division, with the sign of `a`."""
    result: Values = a - divide(a, b) * b
    return result


def shift_left(a: Values, places: Values) -> Values:
    """Shift left. Shifts by the type's width or more give 0."""
    bits = 8 * a.dtype.itemsize
    result: Values = np.where(places < bits, np.left_shift(a, np.minimum(places, bits - 1).astype(a.dtype)), a.dtype.type(0))
    return result


def shift_right(a: Values, places: Values) -> Values:
    """Shift right. Signed values repeat their sign; unsigned ones give 0 for shifts by the type's width or more."""
    bits = 8 * a.dtype.itemsize
    shifted: Values = np.right_shift(a, np.minimum(places, bits - 1).astype(a.dtype))
    return shifted if a.dtype.kind == "i" else np.where(places < bits, shifted, a.dtype.type(0))


def insert_bits(a: Values, b: Values, start: Values, length: Values) -> Values:
    """Return `b` with `length` bits from `start` on replaced by the lowest bits of `a`."""
    one = np.uint64(1)
    start, length = (np.minimum(n & np.uint32(0xFF), 32).astype(np.uint64) for n in (start, length))
    mask = (((one << length) - one) << start).astype(np.uint32)
    result: Values = ((a.astype(np.uint64) << start).astype(np.uint32) & mask) | (b & ~mask)
    return result


def upper_half_of_product(a: Values, b: Values) -> Values:
    """Return the upper half of the bits of a product of integers."""
    wide = np.int64 if a.dtype.kind == "i" else np.uint64
    result: Values = ((a.astype(wide) * b.astype(wide)) >> wide(8 * a.dtype.itemsize)).astype(a.dtype)
    return result


def select(a: Values, b: Values, condition: Values) -> Values:
    """Return `a` where a condition holds, `b` elsewhere."""
    return np.where(condition, a, b)


def fused_multiply_add(a: Values, b: Values, c: Values) -> Values:
    """Return a * b + c. The product is exact; the sum is rounded to double first, a difference in about one of 2^29 sums."""
    result: Values = (a.astype(np.float64) * b + c).astype(np.float32)
    return result


def in_pairs(function: Function) -> Function:
    """Return a function of words that hold two halves each. Its results are rounded once, to the nearest half."""

    def of_words(*words: Values) -> Values:
        pairs = (np.ascontiguousarray(word).reshape(-1, 1).view(np.float16).astype(np.float64) for word in words)
        result: Values = function(*pairs).astype(np.float16).view(np.uint32)[:, 0]
        return result

    return of_words


def to_integer(values: Values, kind: str) -> Values:
    """Round floats toward zero. Values that do not fit become the nearest integer that does, and NaN becomes 0."""
    limits = np.iinfo(DTYPES[kind])
    truncated = np.trunc(np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
    result: Values = np.clip(truncated, limits.min, limits.max).astype(DTYPES[kind])
    return result


COMPARISONS: dict[str, Function] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}

FLOAT_COMPARISONS: dict[str, Function] = {
    "ne": lambda a, b: (a < b) | (a > b),  # false for NaNs, as the others above are
    "equ": lambda a, b: ~((a < b) | (a > b)),  # from here on true for NaNs
    "neu": np.not_equal,
    "ltu": lambda a, b: ~(a >= b),
    "leu": lambda a, b: ~(a > b),
    "gtu": lambda a, b: ~(a <= b),
    "geu": lambda a, b: ~(a < b),
}


def _integers() -> dict[str, Arithmetic]:
    table: dict[str, Arithmetic] = {}
    binary: dict[str, Function] = {
        "add": np.add,
        "sub": np.subtract,
        "mul.lo": np.multiply,
        "min": np.minimum,
        "max": np.maximum,
    }
    for kind in ("s16", "u16", "s32", "u32", "s64", "u64"):
        for name, function in {**binary, "div": divide, "rem": remainder}.items():
            table[f"{name}.{kind}"] = Arithmetic(kind, (kind, kind), function)
        table[f"mad.lo.{kind}"] = Arithmetic(kind, (kind,) * 3, lambda a, b, c: a * b + c)
    for kind in ("s32", "s64"):
        table[f"neg.{kind}"] = Arithmetic(kind, (kind,), np.negative)
        table[f"abs.{kind}"] = Arithmetic(kind, (kind,), np.abs)
    table["min.relu.s32"] = Arithmetic("s32", ("s32", "s32"), lambda a, b: np.maximum(np.minimum(a, b), 0))
    table["max.relu.s32"] = Arithmetic("s32", ("s32", "s32"), lambda a, b: np.maximum(np.maximum(a, b), 0))
    for kind, wide in (("s32", "s64"), ("u32", "u64")):
        product = _wide_product(wide)
        table[f"mul.wide.{kind}"] = Arithmetic(wide, (kind, kind), product)
    for kind in ("s16", "u16", "s32", "u32"):
        table[f"mul.hi.{kind}"] = Arithmetic(kind, (kind, kind), upper_half_of_product)
    table["bfi.b32"] = Arithmetic("b32", ("b32", "b32", "u32", "u32"), insert_bits)
    table["popc.b32"] = Arithmetic("u32", ("b32",), lambda a: np.bitwise_count(a).astype(np.uint32))
    return table


def _wide_product(wide: str) -> Function:
    return lambda a, b: a.astype(DTYPES[wide]) * b.astype(DTYPES[wide])


def _floats() -> dict[str, Arithmetic]:
    binary: dict[str, Function] = {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "min": np.fmin,
        "max": np.fmax,
        "div.rn": np.divide,
    }
    unary: dict[str, Function] = {"neg": np.negative, "abs": np.abs, "sqrt.rn": np.sqrt, "rcp.rn": lambda a: np.float32(1) / a}
    table = {f"{name}.f32": Arithmetic("f32", ("f32", "f32"), function) for name, function in binary.items()}
    table |= {f"{name}.rn.f32": table[f"{name}.f32"] for name in ("add", "sub", "mul")}  # never fused with another one
    table |= {f"{name}.f32": Arithmetic("f32", ("f32",), function) for name, function in unary.items()}
    table["fma.rn.f32"] = Arithmetic("f32", ("f32",) * 3, fused_multiply_add)
    table["mul.rn.f16x2"] = Arithmetic("b32", ("b32",) * 2, in_pairs(np.multiply))
    table["fma.rn.f16x2"] = Arithmetic("b32", ("b32",) * 3, in_pairs(lambda a, b, c: a * b + c))  # exact in double
    return table


def _logic() -> dict[str, Arithmetic]:
    table: dict[str, Arithmetic] = {}
    for kind in ("pred", "b16", "b32", "b64"):
        for name, function in {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}.items():
            table[f"{name}.{kind}"] = Arithmetic(kind, (kind, kind), function)
        table[f"not.{kind}"] = Arithmetic(kind, (kind,), np.invert)
    for kind in ("b32", "b64"):
        table[f"shl.{kind}"] = Arithmetic(kind, (kind, "u32"), shift_left)
    for kind in ("b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64"):
        table[f"shr.{kind}"] = Arithmetic(kind, (kind, "u32"), shift_right)
    return table


def _comparisons() -> dict[str, Arithmetic]:
    table: dict[str, Arithmetic] = {}
    for kind in ("b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64", "f32"):
        names = COMPARISONS | (FLOAT_COMPARISONS if kind == "f32" else {})
        for name, function in names.items():
            table[f"setp.{name}.{kind}"] = Arithmetic("pred", (kind, kind), function)
        table[f"selp.{kind}"] = Arithmetic(kind, (kind, kind, "pred"), select)
    return table


def _conversions() -> dict[str, Arithmetic]:
    table: dict[str, Arithmetic] = {}
    for kind in DTYPES:
        table[f"mov.{kind}"] = Arithmetic(kind, (kind,), lambda a: a)
    integers = ("u16", "s16", "u32", "s32", "u64", "s64")
    for target in integers:
        table |= {f"cvt.{target}.{source}": _cast(target, source) for source in integers}
    for kind in ("s32", "u32"):
        table[f"cvt.rn.f32.{kind}"] = _cast("f32", kind)
        table[f"cvt.rzi.{kind}.f32"] = Arithmetic(kind, ("f32",), _truncation(kind))
    table["cvt.f32.f16"] = _cast("f32", "f16")
    table["cvt.rn.f16.f32"] = _cast("f16", "f32")  # to the nearest, ties to even
    table["cvta.to.global.u64"] = Arithmetic("u64", ("u64",), lambda a: a)  # generic addresses are those of global memory
    return table


def _cast(target: str, source: str) -> Arithmetic:
    return Arithmetic(target, (source,), lambda a: a.astype(DTYPES[target]))


def _truncation(kind: str) -> Callable[[Values], Values]:
    return lambda a: to_integer(a, kind)


ARITHMETIC: dict[str, Arithmetic] = _integers() | _floats() | _logic() | _comparisons() | _conversions()
"""Every instruction of this kind that is known."""
