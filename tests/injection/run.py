"""Inject faults into a command and check how it ends."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from tests.injection.commands import COMMANDS
from tests.injection.faults import KINDS, failing

STATUSES = (0, 2, 74)
"""Exit statuses after a fault: it did not matter, it was reported, or the output could not be written."""


def count_calls(command: str, folder: Path) -> dict[str, int]:
    """Run a command without a fault and return the number of calls of each kind; `folder` has the inputs in "inputs"."""
    chosen, out = COMMANDS[command], _empty(folder) / f"out{COMMANDS[command].suffix}"
    chosen.begin(folder / "inputs", out)
    with contextlib.ExitStack() as stack:
        calls = {kind: stack.enter_context(failing(kind, None, str(folder))) for kind in KINDS}
        run = chosen.run(folder / "inputs", out)
    assert run.returncode == 0, run.stderr
    return {kind: counted.count for kind, counted in calls.items()}


def check_fault(command: str, kind: str, nth: int, folder: Path) -> str:
    """Let the `nth` call fail. Return what is wrong with the end of the command; empty if nothing is."""
    chosen, out = COMMANDS[command], _empty(folder) / f"out{COMMANDS[command].suffix}"
    chosen.begin(folder / "inputs", out)
    with failing(kind, nth, str(folder)):
        run = chosen.run(folder / "inputs", out)
    if run.returncode not in STATUSES or "Traceback" in run.stderr:
        return f"status {run.returncode}: {run.stderr[-1500:]}"
    if run.returncode and not [line for line in run.stderr.splitlines() if line.startswith("error: ")]:
        return f"no error line: {run.stderr[-500:]}"
    return chosen.wrong(folder / "inputs", out, run)


def _empty(folder: Path) -> Path:
    written = folder / "written"
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir()
    return written
