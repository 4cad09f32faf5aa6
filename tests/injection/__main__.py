"""Inject a fault into every call that a command reaches: python -m tests.injection COMMAND [KIND]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.injection.commands import COMMANDS
from tests.injection.faults import KINDS
from tests.injection.run import check_fault, count_calls


def main() -> int:
    """Run the command and return its exit status: 1 after a wrong end."""
    command, wrong = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inputs").mkdir()
        COMMANDS[command].prepare(folder / "inputs")
        for kind in sys.argv[2:] or KINDS:
            total = count_calls(command, kind, folder)
            faults = [(nth, check_fault(command, kind, nth, folder)) for nth in range(total)]
            found = [(nth, fault) for nth, fault in faults if fault]
            print(f"{command}, {kind}: {total} calls, {len(found)} wrong ends", flush=True)
            for nth, fault in found:
                print(f"  call {nth}: {fault}", flush=True)
            wrong += len(found)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
