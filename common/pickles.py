"""Parts of restricted unpicklers, which read the pickles of known programs without executing anything in them."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, ClassVar

_Unpickler: Any = pickle._Unpickler  # type: ignore[attr-defined]  # the one in Python, whose steps can be replaced


class PlainKeysUnpickler(_Unpickler):  # type: ignore[misc]
    """Refuses all classes and functions, and dictionaries with other keys than texts and numbers.

    Comparing nested tuples takes exponential time, and the unpickler in C computes the hash of every key, and crashes or
    never ends for some of them.

    Args:
        body: the pickle, which passed `check_opcodes`.

    Raises:
        pickle.UnpicklingError: from `load`; a damaged pickle can make it raise almost anything.
    """

    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(_Unpickler.dispatch)
    keys: ClassVar[tuple[type, ...]] = (str, int, float)
    """Types of the keys of dictionaries."""

    def __init__(self, body: bytes) -> None:
        super().__init__(io.BytesIO(body), encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """Refuse a class or function. Readers return replacements for those that they know."""
        raise pickle.UnpicklingError(f"its pickle uses {module}.{name}")

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(target, dict) or not isinstance(key, self.keys):
                raise pickle.UnpicklingError(f"a dictionary has a key of type {type(key).__name__}")
            target[key] = value

    def load_setitem(self) -> None:
        """Set one item of a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        """Set some items of a dictionary."""
        self._set(self.pop_mark())

    def load_dict(self) -> None:
        """Begin a dictionary with some items."""
        items = self.pop_mark()
        self.stack.append({})
        self._set(items)

    dispatch[pickle.SETITEM[0]], dispatch[pickle.SETITEMS[0]] = load_setitem, load_setitems
    dispatch[pickle.DICT[0]] = load_dict


def check_opcodes(body: bytes, known: frozenset[str], limit: int) -> None:
    """Refuse a pickle with other instructions than the known ones, too many of them, or memo slots that no pickler uses.

    Raises:
        pickle.UnpicklingError: it has such; a damaged pickle can make it raise almost anything.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(body)):
        if count >= limit:
            raise pickle.UnpicklingError(f"its pickle has more than {limit:,} instructions")
        if opcode.name not in known:
            raise pickle.UnpicklingError(f"its pickle uses {opcode.name}")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= count:
            raise pickle.UnpicklingError("its pickle has a memo slot out of range")
