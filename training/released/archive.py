"""Read the tensors of a PyTorch file without executing anything in it, and without more memory than the file justifies.

Such a file is a zip archive: `data.pkl` describes containers and tensors, and `data/KEY` has the bytes of a storage. A child
process with limits reads `data.pkl`. The other members are stored without compression, so tensors are views of the mapped file.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.documents import check_regular
from common.errors import InputError
from common.limited_process import Limits, call_limited
from training.released.tensor_pickle import MAX_PICKLE_BYTES, TENSOR, parse_tensor_pickle

MAX_FILE_BYTES = 16 << 30
"""Largest file that is read."""

_PICKLE_MEMORY = 200_000_000
_MAX_MEMBERS = 20_000
_MAX_DIRECTORY_BYTES = 4 << 20

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read_tensors(path: Path) -> Any:
    """Read the object in a file of `torch.save`: dictionaries, lists, tuples, numbers, text and CPU tensors.

    Tensors are views of the mapped file; none has more elements than its storage.

    Raises:
        InputError: the file is missing, too large, damaged, not in the format of PyTorch 1.6 and later, or has anything else.
    """
    try:
        check_regular(path)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(path, f"is larger than {MAX_FILE_BYTES >> 30} GiB")
        _check_directory(path)
        with zipfile.ZipFile(path) as file:
            archive = _Archive(path, file)
            body = bytes(archive.member("data.pkl", MAX_PICKLE_BYTES))
            limits = Limits(_PICKLE_MEMORY + 4 * len(body))
            return _resolve(call_limited(parse_tensor_pickle, body, path, limits), archive, {})
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except (InputError, MemoryError):
        raise
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from error
    except Exception as error:  # a broken archive can raise almost anything
        raise InputError(path, "is damaged, or is not a PyTorch checkpoint with only tensors") from error


def _check_directory(path: Path) -> None:
    """Refuse an archive whose list of members is larger than any of PyTorch, before the list is read."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - (1 << 16) - 22, 0))
        end = file.read()
    start = end.rfind(b"PK\x05\x06")
    members, size = (int.from_bytes(end[start + at : start + at + length], "little") for at, length in ((10, 2), (12, 4)))
    if members == 0xFFFF or size == 0xFFFFFFFF:  # the numbers are in the record of zip64
        wide = end.rfind(b"PK\x06\x06", 0, start)
        members, size = (int.from_bytes(end[wide + at : wide + at + 8], "little") for at in (32, 40))
        start = min(start, wide)
    if start < 0 or members > _MAX_MEMBERS or size > _MAX_DIRECTORY_BYTES:
        raise ValueError("not an archive of PyTorch")


class _Archive:
    """The members of the archive, as views of the mapped file."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._archive, self._size = archive, path.stat().st_size
        self._bytes = np.memmap(path, np.uint8, "c")
        (entry,) = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        self._folder = entry.removesuffix("data.pkl")
        if f"{self._folder}byteorder" in archive.namelist() and bytes(self.member("byteorder")) != b"little":
            raise ValueError("not of a little-endian machine")

    def member(self, name: str, limit: int = MAX_FILE_BYTES) -> Any:
        """Return the bytes of a member, a view of the file."""
        info = self._archive.getinfo(self._folder + name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > limit:
            raise ValueError("a member is compressed or too large")
        header = self._bytes[info.header_offset : info.header_offset + 30]
        start = info.header_offset + 30 + int(header[26:28].view("<u2")[0]) + int(header[28:30].view("<u2")[0])
        if start + info.file_size > self._size:
            raise ValueError("a member ends after the file")
        return self._bytes[start : start + info.file_size]

    def tensor(self, kind: Any, key: Any, elements: Any, offset: Any, shape: Any, strides: Any) -> torch.Tensor:
        """Return a tensor, a view of its storage. The description comes from the file, so everything is checked."""
        dtype = _DTYPES[kind]
        content = self.member(f"data/{key}")
        numbers = (elements, offset, *shape, *strides)
        if not all(type(number) is int and number >= 0 for number in numbers) or len(shape) != len(strides) or len(shape) > 8:
            raise ValueError("a damaged tensor")
        if elements * dtype.itemsize > len(content):
            raise ValueError("a storage is smaller than its elements")
        count = math.prod(shape)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if count > elements or (count and last >= elements):  # a stride of 0 can claim any size
            raise ValueError("a tensor is larger than its stored data")
        if not count:
            return torch.empty(shape, dtype=dtype)
        start = content.__array_interface__["data"][0] - self._bytes.__array_interface__["data"][0]
        return torch.frombuffer(self._bytes, dtype=dtype, count=elements, offset=start).as_strided(shape, strides, offset)


def _resolve(value: Any, archive: _Archive, done: dict[int, Any]) -> Any:
    """Replace the descriptions of tensors, each object once, so that shared objects are not copied."""
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) not in done:
        if isinstance(value, tuple) and value and isinstance(value[0], str) and value[0] == TENSOR:
            done[id(value)] = archive.tensor(*value[1:])
        elif isinstance(value, dict):
            done[id(value)] = {key: _resolve(part, archive, done) for key, part in value.items()}
        else:
            done[id(value)] = type(value)(_resolve(part, archive, done) for part in value)
    return done[id(value)]
