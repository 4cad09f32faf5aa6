"""Inject faults into a command and check how it ends."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.injection.commands import COMMANDS
from tests.injection.faults import failing

STATUSES = (0, 2, 74)
"""Exit statuses after a fault: it did not matter, it was reported, or the output could not be written."""


def count_calls(command: str, kind: str, folder: Path) -> int:
    """Run a command without a fault and return the number of calls of a kind; `folder` has the inputs in "inputs"."""
    written = _empty(folder)
    with failing(kind, None, str(folder)) as calls:
        run = COMMANDS[command].run(folder / "inputs", written / f"out{COMMANDS[command].suffix}")
    assert run.returncode == 0, run.stderr
    return calls.count


def check_fault(command: str, kind: str, nth: int, folder: Path) -> str:
    """Let the `nth` call fail. Return what is wrong with the end of the command; empty if nothing is."""
    written, suffix = _empty(folder), COMMANDS[command].suffix
    out = written / f"out{suffix}"
    if suffix:
        out.write_bytes(b"old")
    with failing(kind, nth, str(folder)):
        run = COMMANDS[command].run(folder / "inputs", out)
    if run.returncode not in STATUSES or "Traceback" in run.stderr:
        return f"status {run.returncode}: {run.stderr[-1500:]}"
    if run.returncode and not [line for line in run.stderr.splitlines() if line.startswith("error: ")]:
        return f"no error line: {run.stderr[-500:]}"
    if not suffix:
        return ""
    left = sorted(path.name for path in written.iterdir() if ".partial" not in path.name)
    if left != [out.name]:
        return f"it left {left}"
    return "" if (out.read_bytes() == b"old") == bool(run.returncode) else f"status {run.returncode} does not fit the output"


def _empty(folder: Path) -> Path:
    written = folder / "written"
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir()
    return written
