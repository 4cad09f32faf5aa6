"""Encode plain containers and arrays as bytes that can be read without executing anything.

A child process returns its results in this form: the parent reads JSON and raw numbers, never a pickle. Objects that occur
several times are stored once.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import numpy as np

_KINDS = "biufcSU"  # of numpy's dtypes that have no pointers


def pack(value: Any) -> bytes:
    """Encode None, truth values, numbers, text, bytes, numpy arrays and scalars, and lists, tuples and dicts of these.

    Raises:
        TypeError: it has anything else.
        ValueError: a container is inside itself.
    """
    packer = _Packer()
    packer.add(value)
    nodes = json.dumps(packer.nodes, separators=(",", ":")).encode()
    return struct.pack("<Q", len(nodes)) + nodes + packer.body


def unpack(content: bytes) -> Any:
    """Return the value that `pack` encoded; raise ValueError if the content is damaged."""
    try:
        (length,) = struct.unpack_from("<Q", content)
        nodes, body = json.loads(content[8 : 8 + length]), memoryview(content)[8 + length :]
        values: list[Any] = []
        for kind, *fields in nodes:
            values.append(_READERS[kind](values, body, *fields))
        return values[-1]
    except (struct.error, KeyError, IndexError, TypeError, RecursionError) as error:
        raise ValueError("it is damaged") from error


class _Packer:
    """Collects values: each node refers to earlier ones by number, so that no nesting is left."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.body = bytearray()
        self._known: dict[int, int] = {}

    def add(self, value: Any) -> int:
        """Add a value, if it is new, and return its number."""
        number = self._known.setdefault(id(value), -1)
        if number == -1:
            self._known[id(value)] = -2
            self.nodes.append(self._node(value))
            number = self._known[id(value)] = len(self.nodes) - 1
        if number == -2:
            raise ValueError("a container is inside itself")
        return number

    def _node(self, value: Any) -> list[Any]:
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        if value is None or isinstance(value, bool | int | float | str):
            return ["value", value]
        if isinstance(value, bytes):
            return ["bytes", base64.b64encode(value).decode()]
        if isinstance(value, dict):
            return ["dict", [[self.add(key), self.add(part)] for key, part in value.items()]]
        if isinstance(value, list | tuple):
            return ["list" if isinstance(value, list) else "tuple", [self.add(part) for part in value]]
        raise TypeError(f"{type(value).__name__} is not a plain value")

    def _array(self, value: Any) -> list[Any]:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            return ["objects", list(array.shape), [self.add(part) for part in array.ravel()]]
        if array.dtype.kind not in _KINDS:
            raise TypeError(f"an array of {array.dtype} is not a plain value")
        kind = "array" if isinstance(value, np.ndarray) else "number"
        node = [kind, array.dtype.str, list(array.shape), len(self.body)]
        self.body += array.tobytes()
        return node


def _read_array(_: list[Any], body: memoryview, code: str, shape: list[int], start: int) -> Any:
    dtype = np.dtype(code)
    if dtype.kind not in _KINDS or dtype.names or min((*shape, start, 0)) < 0:
        raise ValueError("it is damaged")
    part = body[start : start + math.prod(shape) * dtype.itemsize]  # too short a part does not fit the shape
    return np.frombuffer(part, dtype).reshape(shape).copy() if dtype.itemsize else np.zeros(shape, dtype)


def _read_objects(values: list[Any], _: memoryview, shape: list[int], parts: list[int]) -> Any:
    flat = np.empty(len(parts), dtype=object)
    for index, part in enumerate(parts):
        flat[index] = values[part]
    return flat.reshape(shape)


_READERS: dict[str, Any] = {
    "value": lambda values, body, value: value,
    "bytes": lambda values, body, text: base64.b64decode(text),
    "list": lambda values, body, parts: [values[part] for part in parts],
    "tuple": lambda values, body, parts: tuple(values[part] for part in parts),
    "dict": lambda values, body, items: {values[key]: values[part] for key, part in items},
    "array": _read_array,
    "number": lambda *arguments: _read_array(*arguments)[()],
    "objects": _read_objects,
}
