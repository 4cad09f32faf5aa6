"""Fuzz readers for minutes: python -m tests.fuzz [TARGET ...] [--minutes M] [--executions N] [--seed S].

Without a target all readers are fuzzed, one after another, each in a process of its own. A line per reader says what was done.
The content that caused a fault is written to fuzz-TARGET.bin; `--content FILE` reads it again. A reader that crashes or hangs
leaves a traceback, and its file in a folder whose name begins with fuzz-TARGET.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.fuzz.run import Outcome, execute, fuzz
from tests.fuzz.targets import TARGETS

HANGS_AFTER = 60.0
"""Processor time after which the process ends with a traceback if no file has been read, seconds."""

_LINE_EVERY = 60.0


def main() -> int:
    """Run the command and return its exit status: 1 after a fault."""
    parser = argparse.ArgumentParser(prog="tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all, which are {', '.join(TARGETS)}")
    parser.add_argument("--minutes", type=float, default=30.0, help="processor time for each reader")
    parser.add_argument("--executions", type=int, help="files for each reader, if they take less time")
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    parser.add_argument("--content", type=Path, help="read only this content, and print its fault")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"unknown target {min(unknown)!r}; choose from {', '.join(TARGETS)}")
    targets = options.targets or list(TARGETS)
    if len(targets) > 1:
        return max(_in_child(target, options) for target in targets)
    torch.set_num_threads(1)  # the networks are tiny: more threads only wait for each other
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{targets[0]}-") as folder:
        if options.content is not None:
            fault, _ = execute(targets[0], Path(folder), options.content.read_bytes())
            print(fault or "no fault")
            return int(bool(fault))
        return _fuzz(targets[0], Path(folder), options)


def _in_child(target: str, options: argparse.Namespace) -> int:
    """Fuzz one of several readers, so that a crash does not end the others and memory is measured from the same beginning."""
    limits = ["--minutes", str(options.minutes)]
    limits += [] if options.executions is None else ["--executions", str(options.executions)]
    limits += [] if options.seed is None else ["--seed", str(options.seed)]
    status = subprocess.run([sys.executable, "-m", "tests.fuzz", target, *limits], check=False).returncode
    if status not in (0, 1):
        print(f"{target}: the process ended with status {status}; its file is in {tempfile.gettempdir()}/fuzz-{target}-*")
    return int(status != 0)


def _fuzz(target: str, folder: Path, options: argparse.Namespace) -> int:
    seed = time.time_ns() if options.seed is None else options.seed
    print(f"{target}: seed {seed}", flush=True)
    gc.freeze()  # modules stay: each search for garbage would walk through them for a tenth of a second
    faulthandler.enable()
    if hasattr(signal, "setitimer"):  # Windows has none
        faulthandler.register(signal.SIGPROF, chain=True)
    outcome = fuzz(target, folder, seed, options.executions, 60 * options.minutes, _watched(target))
    _expect_progress(0.0)
    print(f"{target}: finished, {_numbers(outcome)}, seed {seed}", flush=True)
    if outcome.fault:
        Path(f"fuzz-{target}.bin").write_bytes(outcome.content)
        print(f"{outcome.fault}\nThe content is in fuzz-{target}.bin.", flush=True)
    return int(bool(outcome.fault))


def _watched(target: str) -> Callable[[Outcome], None]:
    """Return a function that prints a line every minute, and that ends the process if it is not called for long."""
    printed = time.monotonic()

    def progress(outcome: Outcome) -> None:
        nonlocal printed
        now = time.monotonic()
        _expect_progress(HANGS_AFTER)
        if now - printed > _LINE_EVERY:
            printed = now
            print(f"{target}: {_numbers(outcome)}", flush=True)

    return progress


def _expect_progress(seconds: float) -> None:
    """End this process after so much processor time, unless this is called again; never if it is 0.

    It is the signal that does it, so that a loop in native code ends, too.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _numbers(outcome: Outcome) -> str:
    return f"{outcome.executions:,} executions, {outcome.accepted:,} were valid, {outcome.seconds:.0f} s of processor time"


if __name__ == "__main__":
    raise SystemExit(main())
