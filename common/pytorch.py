"""Check whether PyTorch is installed, without loading it, which takes seconds. Most of the viewer works without it."""

from __future__ import annotations

import functools
import importlib.util

from common.errors import InputError

INSTALL = 'install it with `pip install -r requirements.txt` or `pip install "mlpvid[train]"`'
"""Remedy for a missing PyTorch."""


@functools.cache
def has_pytorch() -> bool:
    """Return whether PyTorch is installed, without loading it."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # its import is blocked
        return False


def require_pytorch(subject: str) -> None:
    """Raise InputError unless PyTorch is installed.

    Args:
        subject: what needs it, for the message.
    """
    if not has_pytorch():
        raise InputError(subject, "needs PyTorch, which is not installed", INSTALL)
