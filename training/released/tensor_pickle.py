"""Parse `data.pkl` of a PyTorch file without executing anything in it. Tensors become descriptions; PyTorch is not needed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import InputError
from common.pickles import PlainKeysUnpickler, check_opcodes

MAX_PICKLE_BYTES = 16 << 20
"""Largest `data.pkl`. Tensors are not in it, so it is small."""

MAX_OPCODES = 250_000
"""Maximum number of instructions of `data.pkl`. Each builds one object of a few hundred bytes at most."""

TENSOR = "\0tensor"
"""First element of the description of a tensor: (this, kind of storage, its name, its elements, offset, shape, strides)."""

_OPCODES = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE"),
        *("NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "EMPTY_LIST"),
        *("APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID", "NEWOBJ"),
    )
)
"""Opcodes that `torch.save` writes for tensors, numbers and text in plain containers."""


def parse_tensor_pickle(body: bytes) -> Any:
    """Return the object of `data.pkl`, with a tuple that begins with `TENSOR` in place of each tensor.

    Raises:
        InputError: it is damaged, or has anything but tensors, numbers and text in plain containers. It does not name the file.
    """
    try:
        check_opcodes(body, _OPCODES, MAX_OPCODES)
        return _plain(_Reader(body).load(), {})
    except MemoryError:
        raise
    except Exception as error:  # a broken pickle can raise almost anything
        raise InputError("", "is damaged, or is not a PyTorch checkpoint with only tensors") from error


class _Dictionary(dict[Any, Any]):
    """Replaces an OrderedDict. Its attributes, such as the version of a module, are ignored."""

    def __setstate__(self, state: object) -> None:
        """Ignore attributes."""


@dataclass(frozen=True)
class _Storage:
    """Bytes of one member of the archive."""

    kind: str
    """Name of its class in PyTorch."""
    key: str
    """Name of the member."""
    elements: int
    """Number of its elements."""


class _Kind:
    """Replaces a class of storages.

    Args:
        name: its name in PyTorch.
    """

    def __init__(self, name: str) -> None:
        self.name = name


class _Reader(PlainKeysUnpickler):
    """Reads `data.pkl` and describes the tensors."""

    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(PlainKeysUnpickler.dispatch)

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._globals: dict[tuple[str, str], Callable[..., object]] = {
            ("collections", "OrderedDict"): _dictionary,
            ("collections", "Counter"): lambda *_: None,  # of schedulers
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of a global."""
        if module == "torch" and name.endswith("Storage"):
            return _Kind(name)
        return self._globals[(module, name)]

    def persistent_load(self, identifier: Any) -> _Storage:
        """Return the storage that an identifier names."""
        kind, storage, key, _, elements = identifier
        if kind != "storage" or not isinstance(storage, _Kind) or not isinstance(key, str) or type(elements) is not int:
            raise ValueError("an unknown kind of storage")
        return _Storage(storage.name, key, elements)

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: object) -> Any:
        if not isinstance(storage, _Storage):
            raise ValueError("a damaged tensor")
        return (TENSOR, storage.kind, storage.key, storage.elements, offset, tuple(shape), tuple(strides))

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

    dispatch[pickle.REDUCE[0]], dispatch[pickle.NEWOBJ[0]], dispatch[pickle.BUILD[0]] = load_reduce, load_newobj, load_build


def _dictionary(*arguments: object) -> _Dictionary:
    if arguments:
        raise ValueError("a dictionary from other objects")  # copies of copies could take any memory
    return _Dictionary()


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """Replace our classes by plain ones, each object once, so that shared objects are not copied."""
    if not isinstance(value, dict | list | tuple):
        return None if isinstance(value, _Storage | _Kind) or callable(value) else value
    if id(value) not in done:
        done[id(value)] = None  # a container inside itself becomes None
        if isinstance(value, dict):
            done[id(value)] = {key: _plain(part, done) for key, part in value.items()}
        else:
            done[id(value)] = type(value)(_plain(part, done) for part in value)
    return done[id(value)]
