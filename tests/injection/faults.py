"""Let the n-th call of a kind fail."""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch


def _full(*_: object) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _unreadable(*arguments: Any) -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO), *[str(a) for a in arguments[:1] if isinstance(a, str | Path)])


KINDS: dict[str, tuple[tuple[tuple[Any, str], ...], Callable[..., Exception]]] = {
    "open": (((builtins, "open"), (io, "open"), (os, "open")), _unreadable),
    "write": (((os, "write"), (os, "fsync"), (Path, "write_text"), (Path, "write_bytes"), (Path, "chmod")), _full),
    "rename": (((os, "replace"), (os, "rename")), _full),
    "thread": (((threading.Thread, "start"),), lambda *_: RuntimeError("can't start new thread")),
    "allocation": (
        tuple((owner, name) for owner in (np, torch) for name in ("empty", "zeros", "ones", "full", "stack")),
        lambda *_: MemoryError("injected"),
    ),
}
"""The functions of each kind, and what they raise."""


class Calls:
    """The calls of one kind."""

    def __init__(self) -> None:
        self.count = 0
        """Number of calls so far."""
        self.failed = False
        """Whether the chosen call was reached."""


@contextlib.contextmanager
def failing(kind: str, nth: int | None, within: str) -> Iterator[Calls]:
    """Let the `nth` call of a kind fail, counted from 0; with None none fails, and they are only counted.

    Args:
        kind: one of `KINDS`.
        nth: which call.
        within: for "open" and "rename", only calls whose first argument contains this text count: not Python's own files.
    """
    with torch.device("meta"):  # lets PyTorch remember its own functions, before they are replaced
        torch.empty(0)
    functions, fault = KINDS[kind]
    calls, lock = Calls(), threading.Lock()

    def replaced(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            ours = kind not in ("open", "rename") or (arguments and within in str(arguments[0]))
            if ours:
                with lock:
                    number, calls.count = calls.count, calls.count + 1
                if number == nth:
                    calls.failed = True
                    raise fault(*arguments)
            return function(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in functions:
            patch.setattr(owner, name, replaced(getattr(owner, name)))
        yield calls
