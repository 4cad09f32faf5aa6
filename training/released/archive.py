"""Read the tensors of a PyTorch file without executing anything in it, and without more memory than the file justifies.

Such a file is a zip archive: `data.pkl` describes containers and tensors, and `data/KEY` has the bytes of a storage. The
members are stored without compression, so tensors are views of the mapped file.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from common.errors import InputError

MAX_FILE_BYTES = 16 << 30
"""Largest file that is read."""

MAX_PICKLE_BYTES = 16 << 20
"""Largest `data.pkl`. Tensors are not in it, so it is small."""

MAX_OPCODES = 250_000
"""Maximum number of instructions of `data.pkl`. Each builds one object of a few hundred bytes at most."""

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

_OPCODES = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE"),
        *("NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "EMPTY_LIST"),
        *("APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID", "NEWOBJ"),
    )
)
"""Opcodes that `torch.save` writes for tensors, numbers and text in plain containers."""


def read_tensors(path: Path) -> Any:
    """Read the object in a file of `torch.save`: dictionaries, lists, tuples, numbers, text and CPU tensors.

    Tensors are views of the mapped file; none has more elements than its storage.

    Raises:
        InputError: the file is missing, too large, damaged, not in the format of PyTorch 1.6 and later, or has anything else.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(path, f"is larger than {MAX_FILE_BYTES >> 30} GiB")
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return _Reader(path, archive).load()
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except InputError:
        raise
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from error
    except Exception as error:  # a broken archive or pickle can raise almost anything
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


class _Dictionary(dict[Any, Any]):
    """Replaces an OrderedDict. Its attributes, such as the version of a module, are ignored."""

    def __setstate__(self, state: object) -> None:
        """Ignore attributes."""


class _Storage:
    """Bytes of one member of the archive.

    Args:
        dtype: type of its elements.
        elements: their number.
        offset: where they begin in the file.
    """

    def __init__(self, dtype: torch.dtype, elements: int, offset: int) -> None:
        self.dtype, self.elements, self.offset = dtype, elements, offset


_Unpickler: Any = pickle._Unpickler  # type: ignore[attr-defined]  # the one in Python, whose steps can be replaced


class _Reader(_Unpickler):  # type: ignore[misc]
    """Reads `data.pkl` and creates views of the storages."""

    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(_Unpickler.dispatch)

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._archive, self._path, self._size = archive, path, path.stat().st_size
        self._bytes = np.memmap(path, np.uint8, "c")
        (entry,) = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        self._folder = entry.removesuffix("data.pkl")
        if f"{self._folder}byteorder" in archive.namelist() and bytes(self._member("byteorder")) != b"little":
            raise ValueError("not of a little-endian machine")
        body = bytes(self._member("data.pkl", MAX_PICKLE_BYTES))
        _check_opcodes(body)
        super().__init__(io.BytesIO(body))
        self._globals: dict[tuple[str, str], Callable[..., object]] = {
            ("collections", "OrderedDict"): _dictionary,
            ("collections", "Counter"): lambda *_: None,  # of schedulers
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }

    def _member(self, name: str, limit: int = MAX_FILE_BYTES) -> Any:
        """Return the bytes of a member, a view of the file."""
        info = self._archive.getinfo(self._folder + name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > limit:
            raise ValueError("a member is compressed or too large")
        header = self._bytes[info.header_offset : info.header_offset + 30]
        start = info.header_offset + 30 + int(header[26:28].view("<u2")[0]) + int(header[28:30].view("<u2")[0])
        if start + info.file_size > self._size:
            raise ValueError("a member ends after the file")
        return self._bytes[start : start + info.file_size]

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of a global."""
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        return self._globals[(module, name)]

    def persistent_load(self, identifier: Any) -> _Storage:
        """Return the storage that an identifier names."""
        kind, dtype, key, _, elements = identifier
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str) or type(elements) is not int:
            raise ValueError("an unknown kind of storage")
        content = self._member(f"data/{key}")
        if not 0 <= elements * dtype.itemsize <= len(content):
            raise ValueError("a storage is smaller than its elements")
        return _Storage(dtype, elements, content.__array_interface__["data"][0] - self._bytes.__array_interface__["data"][0])

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: object) -> torch.Tensor:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or len(shape) != len(strides) or len(shape) > 8:
            raise ValueError("a damaged tensor")
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("a damaged tensor")
        count = math.prod(shape)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if count > storage.elements or (count and last >= storage.elements):  # a stride of 0 can claim any size
            raise ValueError("a tensor is larger than its stored data")
        if not count:
            return torch.empty(shape, dtype=storage.dtype)
        values = torch.frombuffer(self._bytes, dtype=storage.dtype, count=storage.elements, offset=storage.offset)
        return values.as_strided(shape, strides, offset)

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, _Dictionary) or not all(isinstance(key, str | int | float) for key in items[::2]):
            raise ValueError("a dictionary with unusual keys")  # comparing nested tuples takes exponential time
        target.update(zip(items[::2], items[1::2], strict=True))

    def load_setitem(self) -> None:
        """Set one item of a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        """Set some items of a dictionary."""
        self._set(self.pop_mark())

    def load_reduce(self) -> None:
        """Call a replacement."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not any(function is known for known in self._globals.values()):
            raise ValueError("a call of something else")
        self.stack.append(function(*arguments))

    def load_newobj(self) -> None:
        """Create an object as older protocols do by calling."""
        self.load_reduce()

    def load_build(self) -> None:
        """Ignore the attributes of a dictionary; nothing else has any."""
        self.stack.pop()
        if not isinstance(self.stack[-1], _Dictionary):
            raise ValueError("attributes of something else")

    dispatch[pickle.SETITEM[0]], dispatch[pickle.SETITEMS[0]] = load_setitem, load_setitems
    dispatch[pickle.REDUCE[0]], dispatch[pickle.NEWOBJ[0]], dispatch[pickle.BUILD[0]] = load_reduce, load_newobj, load_build


def _dictionary(*arguments: object) -> _Dictionary:
    if arguments:
        raise ValueError("a dictionary from other objects")  # copies of copies could take any memory
    return _Dictionary()


def _check_opcodes(body: bytes) -> None:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(body)):
        if count >= MAX_OPCODES or opcode.name not in _OPCODES:
            raise ValueError(f"its pickle uses {opcode.name} or is too long")
        if opcode.name in ("BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= count:
            raise ValueError("a memo slot out of range")
