"""Read `annots.npy`, a pickle, without executing anything in it, and in a child process with limits."""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from common.documents import read_limited
from common.errors import InputError
from common.limited_process import Limits, call_limited
from common.pickles import PlainKeysUnpickler, check_opcodes

MAX_FILE_BYTES = 64 << 20
"""Maximum size of an annotation file."""

MAX_OPCODES = 1_000_000
"""Maximum number of instructions of the pickle: enough for half a million texts."""

MAX_ARRAY_BYTES = 128 << 20
"""Maximum size of all arrays together. A pickle can use the same bytes for any number of arrays."""

MEMORY_PER_BYTE, MEMORY_AT_LEAST = 4, 200_000_000
"""A file may need this many times its size of memory, plus these bytes."""

_MAX_HEADER_BYTES = 4096

_REMEDY = "it may contain only numpy arrays, numbers, text, lists, tuples and dicts"

_OPCODES = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"),
        *("GET", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2"),
        *("LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    )
)
"""Opcodes of pickles of arrays in plain containers. Other ways of constructing objects, persistent ids, extension codes and
buffers are excluded; so is DUP, which no pickler writes."""


def read_annotations(path: Path) -> Any:
    """Read a `.npy` file with one pickled object, usually a dict, in a child process with limits.

    Args:
        path: the file.

    Returns:
        The object: numpy arrays and scalars in plain containers.

    Raises:
        InputError: the file is missing, too large, or takes too much memory or time, or `parse_annotations` refuses it.
    """
    data = read_limited(path, MAX_FILE_BYTES)
    limits = Limits(MEMORY_PER_BYTE * len(data) + MEMORY_AT_LEAST)
    return call_limited(parse_annotations, data, path, limits)


def parse_annotations(data: bytes) -> Any:
    """Parse the content of a `.npy` file with one pickled object.

    The pickle is checked before it is read. It may only use `_OPCODES`, and its only globals are the constructors of numpy
    arrays, scalars and dtypes. These are not called: replacements take their arguments and check them, so that a wrong size
    or an unusual dtype never reaches numpy.

    Raises:
        InputError: it is truncated, not a pickled object, or needs anything else. It does not name the file.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        _, _, dtype = reader(stream, max_header_size=_MAX_HEADER_BYTES)
    except Exception as error:  # numpy's parsers raise various exceptions
        raise InputError("", "is not a .npy file") from error
    if dtype.kind != "O":
        raise InputError("", "does not contain a pickled dictionary")
    body = data[stream.tell() :]
    try:
        check_opcodes(body, _OPCODES, MAX_OPCODES)
        content = _resolve(_AnnotationsUnpickler(body).load(), {})
    except pickle.UnpicklingError as error:
        raise InputError("", f"is refused: {error}", _REMEDY) from error
    except MemoryError:
        raise
    except Exception as error:  # a broken pickle can make the unpickler raise almost anything
        raise InputError("", "is truncated or damaged") from error
    return content.item() if isinstance(content, np.ndarray) and content.shape == () else content


class _Dtype:
    """Replaces a pickled numpy dtype: booleans, numbers, text and objects of limited size."""

    def __init__(self, code: object, *_: object) -> None:
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(text, str) or len(text) > 8:
            raise pickle.UnpicklingError("an array has an unknown dtype")
        dtype = np.dtype(text)
        if dtype.kind not in "biufUSO" or dtype.itemsize > 4096 or dtype.fields or dtype.subdtype:
            raise pickle.UnpicklingError(f"an array has dtype {text}")
        self.dtype = dtype

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, ...): only the byte order is not already in the code.
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an array has a damaged dtype")
        if self.dtype.kind in "iufU" and state[1] in "<>":
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Replaces a pickled numpy array; `value` builds the array.

    Args:
        spend: called with the array's bytes before they are copied; raises when a file has too many.
    """

    def __init__(self, spend: Callable[[int], None], *_: object) -> None:
        self._spend = spend
        self.shape: tuple[int, ...] = (0,)
        self.dtype = np.dtype(float)
        self.fortran = False
        self.data: Any = b""

    def __setstate__(self, state: Any) -> None:
        shape, dtype, fortran, data = state[-4:]
        if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or len(shape) > 8:
            raise pickle.UnpicklingError("an array has a damaged header")
        if not all(type(n) is int and 0 <= n <= MAX_FILE_BYTES for n in shape):
            raise pickle.UnpicklingError("an array has an impossible shape")
        kind = list if dtype.dtype.kind == "O" else bytes
        size = 1 if kind is list else dtype.dtype.itemsize
        self._spend(math.prod(shape) * dtype.dtype.itemsize)
        data = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(data, kind) or len(data) != math.prod(shape) * size:
            raise pickle.UnpicklingError("an array's shape does not fit its data")
        self.shape, self.dtype, self.fortran, self.data = shape, dtype.dtype, bool(fortran), data

    def value(self, resolve: Callable[[Any], Any]) -> NDArray[Any]:
        """Build the array; elements of object arrays go through `resolve`."""
        order: Any = "F" if self.fortran else "C"
        if self.dtype.kind != "O":
            return np.frombuffer(self.data, self.dtype).reshape(self.shape, order=order).copy()
        flat = np.empty(len(self.data), dtype=object)
        for index, element in enumerate(self.data):
            flat[index] = resolve(element)
        return flat.reshape(self.shape, order=order)


class _Constructor:
    """Replaces a global of the pickle: callable, but the pickle can neither change nor inspect it."""

    __slots__ = ("_build",)

    def __init__(self, build: Callable[..., object]) -> None:
        self._build = build

    def __call__(self, *arguments: object) -> object:
        return self._build(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("it changes a constructor")


def _scalar(dtype: object, data: object = b"") -> object:
    if not isinstance(dtype, _Dtype) or dtype.dtype.kind == "O":
        raise pickle.UnpicklingError("a number has an unknown dtype")
    raw = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(raw, bytes) or len(raw) != dtype.dtype.itemsize:
        raise pickle.UnpicklingError("a number's dtype does not fit its data")
    return np.frombuffer(raw, dtype.dtype)[0]


def _refuse(*_: object) -> NoReturn:
    raise pickle.UnpicklingError("it builds an array in an unknown way")


class _AnnotationsUnpickler(PlainKeysUnpickler):
    """Replaces the constructors of numpy's arrays, scalars and dtypes."""

    keys = (str, bytes, int, float, np.generic)

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._bytes_left = MAX_ARRAY_BYTES
        self._globals: dict[tuple[str, str], Callable[..., object]] = {
            **{(f"numpy.{core}.multiarray", "_reconstruct"): partial(_Array, self._spend) for core in ("core", "_core")},
            **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
            ("numpy", "ndarray"): _refuse,  # an argument of _reconstruct, never called
            ("numpy", "dtype"): _Dtype,
            ("_codecs", "encode"): self._encode,  # protocols 0 to 2 store bytes this way
        }

    def find_class(self, module_name: str, global_name: str) -> object:
        """Return the replacement of a global."""
        try:
            return _Constructor(self._globals[(module_name, global_name)])
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}") from None

    def _spend(self, count: int) -> None:
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise pickle.UnpicklingError(f"its arrays take more than {MAX_ARRAY_BYTES >> 20} MiB")

    def _encode(self, text: object, encoding: object = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("it encodes text")
        self._spend(len(text))
        return text.encode("latin1")


def _resolve(value: Any, done: dict[int, Any]) -> Any:
    """Turn the replacements into arrays, each object once, so that shared objects are not copied."""
    if isinstance(value, _Constructor | _Dtype):
        raise pickle.UnpicklingError("it contains a constructor")
    if not isinstance(value, _Array | list | tuple | dict):
        return value
    if id(value) in done:
        return done[id(value)]
    done[id(value)] = None  # a container inside itself becomes None
    if isinstance(value, _Array):
        result: Any = value.value(lambda element: _resolve(element, done))
    elif isinstance(value, dict):
        result = {_resolve(k, done): _resolve(v, done) for k, v in value.items()}
    else:
        result = type(value)([_resolve(element, done) for element in value])
    done[id(value)] = result
    return result
