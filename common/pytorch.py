"""Check whether PyTorch is installed, without loading it, which takes seconds. Most of the viewer works without it."""

from __future__ import annotations

import functools

from common.errors import InputError
from common.installation import is_installed, pip_command

INSTALL = f"install it with {pip_command('requirements.txt', 'train')}"
"""Remedy for a missing PyTorch."""


@functools.cache
def has_pytorch() -> bool:
    """Return whether PyTorch is installed, without loading it."""
    return is_installed("torch")


def require_pytorch(subject: str) -> None:
    """Raise InputError unless PyTorch is installed.

    Args:
        subject: what needs it, for the message.
    """
    if not has_pytorch():
        raise InputError(subject, "needs PyTorch, which is not installed", INSTALL)
