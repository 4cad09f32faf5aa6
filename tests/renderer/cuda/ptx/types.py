"""The NumPy types of PTX's types."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
"""One value per lane, or one for all of them."""

DTYPES: dict[str, np.dtype[Any]] = {
    "pred": np.dtype(np.bool_),
    "b16": np.dtype(np.uint16),
    "u16": np.dtype(np.uint16),
    "s16": np.dtype(np.int16),
    "f16": np.dtype(np.float16),
    "b32": np.dtype(np.uint32),
    "u32": np.dtype(np.uint32),
    "s32": np.dtype(np.int32),
    "f32": np.dtype(np.float32),
    "b64": np.dtype(np.uint64),
    "u64": np.dtype(np.uint64),
    "s64": np.dtype(np.int64),
}

STORAGE: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.bool_),
    2: np.dtype(np.uint16),
    4: np.dtype(np.uint32),
    8: np.dtype(np.uint64),
}
"""How registers of each size in bytes are stored: as bits, which each instruction interprets."""


@functools.cache
def constant(bits: int, dtype: np.dtype[Any]) -> Values:
    """Return an immediate operand, given as a signed or unsigned integer of the type's width."""
    if dtype.kind == "b":
        return np.bool_(bits != 0)  # type: ignore[return-value]
    storage = STORAGE[dtype.itemsize]
    return np.array(bits & ((1 << 8 * dtype.itemsize) - 1), storage).view(dtype)
