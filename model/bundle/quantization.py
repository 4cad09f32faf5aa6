"""Eight-bit storage of tensors, in blocks of consecutive entries that share a scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK_SIZE = 64
"""Entries that share a scale. With 64 the rounding error is 0.6 % of a normal distribution's standard deviation, and scales
add 6 % to the bytes. Twice the size would make the error a tenth larger and save 3 % of the bytes."""

LARGEST = 127
"""Stored values are -127 to 127, symmetric about zero."""


def block_count(entries: int) -> int:
    """Return the number of scales for `entries` entries. The last block may be shorter."""
    return -(-entries // BLOCK_SIZE)


def quantize(tensor: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a tensor to eight bits.

    Entries are taken in row-major order; a block's scale is its largest magnitude / 127. So zero stays zero, and no
    entry changes by more than half a scale.

    Args:
        tensor: any shape, float32, finite.

    Returns:
        int8 of the same shape and the float32 scales, (ceil(entries / 64),).
    """
    values = np.asarray(tensor, np.float32)
    flat = values.reshape(-1)
    blocks = np.pad(flat, (0, -len(flat) % BLOCK_SIZE)).reshape(-1, BLOCK_SIZE)
    scales = np.abs(blocks).max(axis=1) / np.float32(LARGEST)
    divisors = np.where(scales > 0, scales, np.float32(1))[:, None]
    with np.errstate(invalid="ignore"):  # infinite entries are found by their block's scale
        rounded = np.clip(np.rint(blocks / divisors), -LARGEST, LARGEST).astype(np.int8)
    return rounded.reshape(-1)[: len(flat)].reshape(values.shape), scales


def dequantize(values: ArrayLike, scales: ArrayLike) -> NDArray[np.float32]:
    """Multiply each value by its block's scale: the inverse of `quantize` up to rounding.

    Args:
        values: any shape, int8.
        scales: (ceil(entries / 64),) float32.

    Returns:
        float32 of the shape of `values`.
    """
    stored, factors = np.asarray(values), np.asarray(scales, np.float32)
    flat = stored.reshape(-1).astype(np.float32)
    whole = len(flat) // BLOCK_SIZE
    flat[: whole * BLOCK_SIZE].reshape(whole, BLOCK_SIZE)[...] *= factors[:whole, None]
    flat[whole * BLOCK_SIZE :] *= factors[-1:]
    return flat.reshape(stored.shape)
