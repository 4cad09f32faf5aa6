"""Run a command as a process of its own, and measure its peak memory and processor time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
"""Folder in which commands run."""


@dataclass(frozen=True)
class ProcessUse:
    """What a command used."""

    peak_bytes: int
    """Highest resident memory, including the interpreter and its libraries. It is at least what the calling process has."""
    processor_seconds: float
    """Processor time of all its threads, and of the processes that it waited for."""
    seconds: float
    """Time that passed."""
    output: str
    """What it wrote to standard output."""


def run_process(arguments: Sequence[str], name: str, show: bool = False) -> ProcessUse:
    """Run Python with some arguments in the project's folder.

    Args:
        arguments: of the interpreter, for example `["-m", "training.train", "--help"]`.
        name: of the command, for messages.
        show: whether its messages go to standard error. Otherwise only the last one is shown, when it fails.

    Raises:
        InputError: it fails, or the system does not report the memory of a process.
    """
    if not hasattr(os, "wait4"):
        raise InputError("this system", "does not report the memory of a process")
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as messages, tempfile.TemporaryFile("w+") as output:
        errors = None if show else messages
        with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=output, stderr=errors) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        output.seek(0)
        if process.returncode != 0:
            last = (messages.read().strip().splitlines() or ["see its messages"])[-1]
            raise InputError(name, f"failed: {last}")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return ProcessUse(peak, usage.ru_utime + usage.ru_stime, time.monotonic() - begun, output.read())
