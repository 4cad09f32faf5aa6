"""Inject a fault into calls that a command reaches: python -m tests.injection COMMAND [KIND ...] [--sample N] [--seed S]."""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from tests.injection.commands import COMMANDS
from tests.injection.faults import KINDS
from tests.injection.run import check_fault, count_calls


def main() -> int:
    """Run the command and return its exit status: 1 after a wrong end."""
    parser = argparse.ArgumentParser(prog="tests.injection")
    parser.add_argument("command", choices=list(COMMANDS))
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--sample", type=int, help="calls per kind, chosen at random (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    options, wrong = parser.parse_args(), 0
    with tempfile.TemporaryDirectory() as name:
        folder, random_ = Path(name), random.Random(options.seed)
        (folder / "inputs").mkdir()
        COMMANDS[options.command].prepare(folder / "inputs")
        totals = count_calls(options.command, folder)
        for kind in options.kinds:
            calls = range(totals[kind])
            chosen = calls if options.sample is None else sorted(random_.sample(calls, min(options.sample, len(calls))))
            faults = [(nth, check_fault(options.command, kind, nth, folder)) for nth in chosen]
            found = [(nth, fault) for nth, fault in faults if fault]
            print(f"{options.command}, {kind}: {len(chosen)} of {len(calls)} calls, {len(found)} wrong ends", flush=True)
            for nth, fault in found:
                print(f"  call {nth}: {fault}", flush=True)
            wrong += len(found)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
