"""Find the native modules, which lie next to the packages: at the top level, or inside `mlpvid` when that is installed."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

VERSION = 6
"""The version of the native modules that belongs to these sources. Each change of the kernels raises it (CONTRIBUTING.md)."""

REMEDY = "`pip install ./renderer/kernels` builds them (needs a C++ compiler)"
"""What to do about a fault of the native modules."""

_PARENT = __name__.removesuffix("common.native")
"""Empty in a source folder, "mlpvid." in the installed package."""


def native_fault(name: str) -> str:
    """Return why a native module cannot be used, as what follows "the native kernels"; empty if it can be used.

    A module of another version might lack functions, be slower or compute other numbers, so it is not used.

    Args:
        name: "mlpvid_kernels" or "mlpvid_training_kernels".
    """
    try:
        version = getattr(importlib.import_module(_PARENT + name), "VERSION", 0)  # the first ones had no number
    except ModuleNotFoundError:
        return "are not installed"
    except ImportError as error:  # built for another Python, or a library of the system is missing
        return f"cannot be loaded ({error})"
    return "" if version == VERSION else f"are of version {version}, but this program needs version {VERSION}"


def has_native(name: str) -> bool:
    """Return whether a native module can be used; see `native_fault`."""
    return not native_fault(name)


def note_native_fault(name: str, consequence: str) -> None:
    """Print on stderr why a native module is not used, and what to do about it.

    Args:
        name: as for `native_fault`.
        consequence: what happens instead, such as "the slow reference backend renders".
    """
    if fault := native_fault(name):
        print(f"note: the native kernels {fault}, so {consequence}; {REMEDY}", file=sys.stderr)


def import_native(name: str) -> ModuleType:
    """Import a native module.

    Args:
        name: as for `native_fault`.

    Raises:
        ImportError: it cannot be used.
    """
    if fault := native_fault(name):
        raise ImportError(f"the native kernels {fault}")
    return importlib.import_module(_PARENT + name)
