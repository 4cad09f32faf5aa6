"""Code one tensor as bytes and back: as it is, compressed, or rounded to steps and compressed (docs/format.md)."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xxhash
from numpy.typing import NDArray

from common.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Encoding = Literal["raw", "zstd", "steps"]
"""How the bytes of a tensor are made."""

ENCODINGS: tuple[Encoding, ...] = ("raw", "zstd", "steps")
"""All encodings."""

MAX_STEP = 1e30
"""Largest step. Times 32,767 it is still a float32."""

# Slow to write; no slower to read. Level 22 alone has a window of up to 128 MB, and a reader may need as much memory.
_SMALLEST: dict[int, int] = {zstd.CompressionParameter.compression_level: 22, zstd.CompressionParameter.window_log: 23}
# For float32 numbers, level 19 takes twenty times as long and makes them 2 % smaller.
_FLOATS: dict[int, int] = {zstd.CompressionParameter.compression_level: 9}
_LARGEST = {"I8": 127, "I16": 32767}
_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}
_NATIVE: dict[str, np.dtype[Any]] = {"F32": np.dtype(np.float32), "U8": np.dtype(np.uint8)}
_AGAIN = "download or export it again"


@dataclass(frozen=True)
class TensorCode:
    """How one tensor is stored."""

    encoding: Encoding
    """"raw": its bytes. "zstd": its bytes, compressed. "steps": whole numbers, compressed, times a step."""
    dtype: str
    """Type after decoding, "F32" or "U8"."""
    shape: tuple[int, ...]
    """Shape after decoding."""
    xxh3: str
    """XXH3 of the stored bytes, 64 bit, 16 lower-case hexadecimal digits."""
    steps: tuple[float, ...] = ()
    """Only "steps": one step, or one for each level of the hash tables."""
    integers: Literal["", "I8", "I16"] = ""
    """Only "steps": type of the whole numbers."""


@dataclass(frozen=True)
class CodedSpec:
    """What one tensor must be after decoding."""

    dtype: Literal["F32", "U8"]
    """Its type."""
    shape: tuple[int, ...]
    """Row-major."""
    part: str
    """One of `model.bundle.layout.PARTS`, or "sound"."""
    runs: tuple[int, ...] = ()
    """Lengths of the parts of axis 1 that may have steps of their own; empty if the tensor can only have one step."""

    @property
    def entries(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes after decoding."""
        return self.entries * _TYPES[self.dtype].itemsize


def checksum(stored: Any) -> str:
    """Return the XXH3 (64 bit, seed 0) of bytes as 16 hexadecimal digits."""
    return str(xxhash.xxh3_64_hexdigest(stored))


def encode(values: NDArray[Any], compress: bool = True) -> tuple[bytes, TensorCode]:
    """Store an array exactly, compressed if that is smaller.

    Args:
        values: float32 or uint8.
        compress: whether to try.
    """
    plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    dtype = "F32" if values.dtype == np.float32 else "U8"
    packed = zstd.compress(plain, options=_FLOATS if dtype == "F32" else _SMALLEST) if compress else plain
    if len(packed) < len(plain):
        return packed, TensorCode("zstd", dtype, values.shape, checksum(packed))
    return plain, TensorCode("raw", dtype, values.shape, checksum(plain))


def encode_steps(values: NDArray[np.float32], steps: Sequence[float], runs: Sequence[int] = ()) -> tuple[bytes, TensorCode]:
    """Round an array to multiples of steps and compress the multiples.

    Args:
        values: finite float32.
        steps: one step, or one for each of `runs`; above 0.
        runs: lengths of the parts of axis 1, as in `CodedSpec`.

    Raises:
        InputError: a step is so small that a multiple does not fit into 16 bits.
    """
    exact = tuple(float(np.float32(step)) for step in steps)
    divided = values / _per_entry(exact, runs, values.ndim) if len(exact) > 1 else values / np.float32(exact[0])
    rounded = np.rint(divided)
    largest = float(np.abs(rounded).max(initial=0))
    kind: Literal["I8", "I16"] = "I8" if largest <= _LARGEST["I8"] else "I16"
    if largest > _LARGEST[kind]:
        raise InputError("a step", f"is too small: numbers up to {largest:,.0f} times as large are stored", "use larger steps")
    packed = zstd.compress(_planes(rounded, kind), options=_SMALLEST)
    return packed, TensorCode("steps", "F32", values.shape, checksum(packed), exact, kind)


def decode(stored: NDArray[np.uint8], code: TensorCode, spec: CodedSpec) -> NDArray[Any]:
    """Undo `encode` and `encode_steps`. Sizes are checked before memory is allocated.

    Returns:
        A new array of the type and shape of `spec`, finite.

    Raises:
        InputError: the bytes are damaged, too many or too few, or a number is not finite.
    """
    if code.encoding == "steps":
        return _decode_steps(stored, code, spec)
    content = _exactly(stored, spec.nbytes) if code.encoding == "raw" else _decompress(stored, spec.nbytes)
    values = np.frombuffer(content, _TYPES[spec.dtype]).reshape(spec.shape).astype(_NATIVE[spec.dtype])
    if spec.dtype == "F32" and not np.isfinite(values).all():
        raise InputError("it", "holds numbers that are not finite", _AGAIN)
    return values


def _decode_steps(stored: NDArray[np.uint8], code: TensorCode, spec: CodedSpec) -> NDArray[np.float32]:
    width = 1 if code.integers == "I8" else 2
    planes = np.frombuffer(_decompress(stored, spec.entries * width), np.uint8).reshape(width, spec.entries)
    if width == 1:
        values = planes[0].view(np.int8).astype(np.float32)
    else:
        values = (planes[0] | planes[1].astype(np.uint16) << 8).view(np.int16).astype(np.float32)
    values = values.reshape(spec.shape)
    if len(code.steps) == 1:
        values *= np.float32(code.steps[0])
        return values
    start = 0
    for step, length in zip(code.steps, spec.runs, strict=True):
        values[:, start : start + length] *= np.float32(step)
        start += length
    return values


def _planes(rounded: NDArray[np.float32], kind: str) -> bytes:
    if kind == "I8":
        return rounded.astype(np.int8).tobytes()
    bits = rounded.astype(np.int16).reshape(-1).view(np.uint16)
    # All low bytes, then all high bytes: the high ones are nearly always the same, and compress well.
    return (bits & 0xFF).astype(np.uint8).tobytes() + (bits >> 8).astype(np.uint8).tobytes()


def _per_entry(steps: tuple[float, ...], runs: Sequence[int], axes: int) -> NDArray[np.float32]:
    column = np.repeat(np.array(steps, np.float32), runs)
    return column.reshape(1, -1, *[1] * (axes - 2))


def _exactly(stored: NDArray[np.uint8], size: int) -> bytes:
    if len(stored) != size:
        raise InputError("it", f"has {len(stored):,} bytes, not {size:,}", _AGAIN)
    return stored.tobytes()


def _decompress(stored: NDArray[np.uint8], size: int) -> bytes:
    content = stored.tobytes()
    try:
        # A frame that claims another size could request any amount of memory.
        if zstd.get_frame_info(content).decompressed_size != size:
            raise InputError("it", f"does not hold {size:,} bytes", _AGAIN)
        decompressor = zstd.ZstdDecompressor()
        plain = decompressor.decompress(content, max_length=size + 1)  # one more, so that the end of the frame is read, too
    except zstd.ZstdError as error:
        raise InputError("it", f"cannot be decompressed ({error})", _AGAIN) from error
    if len(plain) != size or not decompressor.eof or decompressor.unused_data:
        raise InputError("it", f"does not hold {size:,} bytes", _AGAIN)
    return plain
