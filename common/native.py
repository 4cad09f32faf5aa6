"""Finds the native modules, which lie beside the packages: at the top level, or inside `mlpvid` when that is installed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

_PARENT = __name__.removesuffix("common.native")
"""Empty in a source folder, "mlpvid." in the installed package."""


def has_native(name: str) -> bool:
    """Return whether a native module is installed.

    Args:
        name: "mlpvid_kernels" or "mlpvid_training_kernels".
    """
    return importlib.util.find_spec(_PARENT + name) is not None


def import_native(name: str) -> ModuleType:
    """Import a native module.

    Args:
        name: "mlpvid_kernels" or "mlpvid_training_kernels".

    Raises:
        ImportError: it is not installed, or was built for another Python.
    """
    return importlib.import_module(_PARENT + name)
