"""Undo the signal handlers that ImGui's test engine installs: afterwards a closed connection would end the process."""

from __future__ import annotations

import faulthandler
import os
import signal

import pytest

STDERR = pytest.StashKey[int]()
"""A copy of the file descriptor of standard error, from before pytest captured it."""


def keep_standard_error(config: pytest.Config) -> None:
    """Remember where tracebacks of crashes are written."""
    config.stash[STDERR] = os.dup(2)


def restore_handlers(stderr: int) -> None:
    """Install Python's handlers again; tracebacks of crashes go to this file descriptor.

    The engine's handlers, for SIGPIPE too, read a context that no longer exists once the window is closed. Python ignores
    SIGPIPE: writing to a closed connection raises BrokenPipeError.
    """
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    faulthandler.disable()  # otherwise enabling it changes nothing
    faulthandler.enable(stderr)
