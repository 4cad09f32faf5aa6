"""A package that is not installed ends a command in one line, instead of with a traceback."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from common.streams import print_error

_TOP = Path(__file__).resolve().parents[1]


def explain_missing_packages(remedy: str) -> None:
    """Make the program end with status 2 and one line on stderr when a package of another project is missing.

    A missing module of our own is a bug and still ends with a traceback, and so does everything else. `--debug` shows the
    traceback in any case.

    Args:
        remedy: what installs the packages, for the message.
    """

    def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        own = any(path.exists() for path in (_TOP / name, _TOP / f"{name}.py"))  # an empty name is this folder
        if own or "--debug" in sys.argv:
            sys.__excepthook__(kind, error, trace)
        if not own:
            print_error(f"error: the package {name} is not installed; {remedy}")
            raise SystemExit(2)

    sys.excepthook = explain
