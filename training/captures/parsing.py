"""Turn the texts and numbers of calibration files into arrays, with one message for everything that can be wrong with them."""

from __future__ import annotations

import contextlib
import io
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.documents import parse_json
from common.errors import InputError
from model.rotation import matrix_from_quaternion
from training.captures.description import Array
from training.captures.files import CaptureFolder

_FAULTS = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, struct.error)

_LARGEST = 1e12  # squares of larger numbers could overflow


@contextlib.contextmanager
def parsing(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a block raises because of a damaged file into InputError.

    Args:
        path: the file.
        kind: what it should be, for the message.
    """
    try:
        yield
    except _FAULTS as error:
        detail = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(path, f"is not {kind} ({' '.join(detail.split())[:120]})") from error


def matrix(value: Any, *shape: int) -> Array:
    """Return numbers as an array of exactly this shape, or of any shape with as many numbers.

    Raises:
        ValueError: there are more or fewer numbers, or one is not finite.
    """
    if isinstance(value, str | bytes):
        raise ValueError("text instead of numbers")
    if isinstance(value, list | tuple):
        value = _flat(value, math.prod(shape))
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "iufUO" or numbers.size != math.prod(shape):
        raise ValueError(f"expected {' x '.join(map(str, shape))} numbers")
    numbers = numbers.astype(np.float64)
    if not (np.abs(numbers) <= _LARGEST).all():
        raise ValueError("numbers must be finite and below 1e12")
    return numbers.reshape(shape)


def array_of(data: bytes) -> NDArray[Any]:
    """Return the numbers of a `.npy` file; raise ValueError when it is damaged, or has anything but numbers."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(stream, max_header_size=4096)
    except Exception as error:  # numpy's parsers raise various exceptions
        raise ValueError("not a .npy file") from error
    count = math.prod(shape)
    if dtype.kind not in "iuf" or any(side < 0 for side in shape) or count * dtype.itemsize != len(data) - stream.tell():
        raise ValueError("its shape does not fit its data")
    return np.frombuffer(data, dtype, count, stream.tell()).reshape(shape, order="F" if fortran else "C")


def _flat(value: Any, count: int) -> list[Any]:
    """Return the numbers of nested lists; stop at too many, since shared lists of YAML can be huge when written out."""
    flat: list[Any] = []
    pending = [value]
    for _ in range(8 * count + 8):
        if not pending:
            break
        part = pending.pop()
        if isinstance(part, list | tuple):
            if len(part) > count:
                break
            pending.extend(reversed(part))
        else:
            flat.append(part)
    if pending or len(flat) != count or any(isinstance(number, dict) for number in flat):
        raise ValueError(f"expected {count} numbers")
    return flat


def number(value: Any) -> float:
    """Return one finite number; raises as `matrix` does."""
    return float(matrix([value], 1)[0])


def size_of(width: Any, height: Any) -> tuple[int, int]:
    """Return width and height as whole numbers; raise ValueError when they are not positive."""
    size = round(number(width)), round(number(height))
    if not all(1 <= side <= 1 << 20 for side in size):
        raise ValueError(f"impossible image size {size[0]}x{size[1]}")
    return size


def numbers_in(text: str, count: int | None = None) -> Array:
    """Return the numbers of a text that are separated by space; raise ValueError when they are damaged or not `count`."""
    values = np.array([float(word) for word in text.split()], dtype=np.float64)
    if not (np.abs(values) <= _LARGEST).all() or count not in (None, len(values)):
        raise ValueError(f"expected {count if count is not None else 'finite'} numbers: {text[:40]!r}")
    return values


def rotation_of_vector(vector: Any) -> Array:
    """Return the matrix (3, 3) of a rotation given as axis times angle in radians (Rodrigues)."""
    return np.asarray(cv2.Rodrigues(matrix(vector, 3))[0], dtype=np.float64)


def rotation_of_quaternion(quaternion: Any) -> Array:
    """Return the matrix (3, 3) of a quaternion w, x, y, z (Hamilton); raise ValueError when its length is zero."""
    values = matrix(quaternion, 4)
    if not 1e-9 < float(np.linalg.norm(values)) < 1e9:
        raise ValueError("a quaternion has no direction")
    return matrix_from_quaternion(values)


def intrinsic_matrix(fx: Any, fy: Any, cx: Any, cy: Any) -> Array:
    """Return the 3 x 3 intrinsic matrix of focal lengths and center in pixels."""
    return np.array([[number(fx), 0, number(cx)], [0, number(fy), number(cy)], [0, 0, 1.0]])


def read_json_file(folder: CaptureFolder, name: str) -> dict[str, Any]:
    """Read a JSON file whose content is an object.

    Raises:
        InputError: the file is missing, outside the capture, too large, or not such a file.
    """
    path = folder.root / name
    content = parse_json(folder.data(name), path)
    if not isinstance(content, dict):
        raise InputError(path, "must contain a JSON object")
    return content
