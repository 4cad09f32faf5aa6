"""Read the tensors of a `.mlpvid` file, one at a time, into newly allocated memory, and check their values.

Files are never memory-mapped: overwriting the file would change the video, and truncating it would crash the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.byte_source import ByteSource, Location, opened
from common.errors import InputError
from model.bundle.container import Header, read_stored_header
from model.bundle.layout import SCALES_SUFFIX, TensorSpec

MAX_COORDINATE = 1e9
"""Largest distance of boxes from the origin along each axis, meters."""

MIN_BOX_SIDE = 1e-6
"""Shortest side of a box, meters. Points are divided by it."""

_MAX_SCALE = 1e30  # times 127 is still a float32
_TYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "U8": np.uint8}
_CHUNK = 1 << 16  # numbers that are checked at once


class TensorReader:
    """Reads the tensors of an open file, each into newly allocated memory.

    Args:
        source: the file.
        header: its header, whose entries have been checked against `layout`.
        layout: every tensor of the file by name.
    """

    def __init__(self, source: ByteSource, header: Header, layout: dict[str, TensorSpec]) -> None:
        self._source, self._header, self._layout = source, header, layout

    def __call__(self, name: str) -> NDArray[Any]:
        """Read one tensor in its stored type, and check its values.

        Raises:
            InputError: the file has shrunk, a number is not finite, a scale is out of range, a box is not ordered.
        """
        spec = self._layout[name]
        flat = np.empty(spec.nbytes, np.uint8)
        start = self._header.data_start + self._header.entries[name]["data_offsets"][0]
        if self._source.read_into(start, flat.data) != spec.nbytes:
            raise changed(self._source.name)
        tensor = flat.view(_TYPES[spec.dtype]).reshape(spec.shape)
        _check_values(self._source.name, name, tensor)
        if name == "boxes":
            check_boxes(self._source.name, tensor)
        return tensor


@contextmanager
def open_tensors(location: Location, header: Header, layout: dict[str, TensorSpec]) -> Iterator[TensorReader]:
    """Open a file whose header has been read and checked; the other arguments are those of `TensorReader`.

    Raises:
        InputError: it cannot be read, or is no longer the file whose header was read.
    """
    with opened(location) as source:
        if read_stored_header(source) != header.raw:
            raise changed(source.name)
        yield TensorReader(source, header, layout)


def changed(path: str | Path) -> InputError:
    """Return the error for a file that another program wrote to while it was read."""
    return InputError(path, "changed while it was read", "open it again when no program is writing to it")


def _check_values(path: str | Path, name: str, tensor: NDArray[Any]) -> None:
    if tensor.dtype.kind != "f" or not tensor.size:
        return
    if not _all_finite(tensor):
        raise InputError(path, f"tensor {name} holds numbers that are not finite")
    if name.endswith(SCALES_SUFFIX) and not 0 <= tensor.min() <= tensor.max() <= _MAX_SCALE:
        raise InputError(path, f"tensor {name} holds scales that are negative or too large")


def _all_finite(tensor: NDArray[Any]) -> bool:
    if tensor.dtype == np.float32:
        # isfinite().all() would allocate a mask of the tensor's size. Minimum and maximum propagate NaN.
        return -np.inf < float(tensor.min()) <= float(tensor.max()) < np.inf
    # NumPy compares half floats slowly, one by one. All five bits of the exponent are set in infinities and NaN.
    bits = tensor.reshape(-1).view(np.uint16)
    return all(int((bits[i : i + _CHUNK] & 0x7FFF).max()) < 0x7C00 for i in range(0, len(bits), _CHUNK))


def check_boxes(path: str | Path, boxes: NDArray[np.float32]) -> None:
    """Raise InputError, which names the file, unless boxes (T, 2, 3) are ordered, not flat, and not too far from the origin."""
    if float(np.abs(boxes).max()) > MAX_COORDINATE:
        raise InputError(path, f"a box extends beyond {MAX_COORDINATE:g} m from the origin")
    flat = (boxes[:, 1] - boxes[:, 0]).min(axis=1) < MIN_BOX_SIDE
    if flat.any():
        raise InputError(path, f"the box of frame {int(flat.argmax())} is not ordered (lower corner below upper corner)")
