"""Fuzz one reader for minutes: python -m tests.fuzz TARGET [--minutes M] [--executions N] [--seed S].

The content that caused a fault is written to fuzz-TARGET.bin; `--content FILE` reads it again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.fuzz.run import execute, fuzz
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run the command and return its exit status: 1 after a fault."""
    parser = argparse.ArgumentParser(prog="tests.fuzz")
    parser.add_argument("target", choices=list(TARGETS))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--executions", type=int)
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    parser.add_argument("--content", type=Path, help="read only this content, and print its fault")
    options = parser.parse_args()
    seed = time.time_ns() if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as folder:
        if options.content is not None:
            fault, _ = execute(options.target, Path(folder), options.content.read_bytes())
            print(fault or "no fault")
            return int(bool(fault))
        outcome = fuzz(options.target, Path(folder), seed, options.executions, 60 * options.minutes)
    print(f"{options.target}: {outcome.executions:,} executions, {outcome.accepted:,} were valid, seed {seed}")
    if outcome.fault:
        Path(f"fuzz-{options.target}.bin").write_bytes(outcome.content)
        print(f"{outcome.fault}\nThe content is in fuzz-{options.target}.bin.")
    return int(bool(outcome.fault))


if __name__ == "__main__":
    raise SystemExit(main())
