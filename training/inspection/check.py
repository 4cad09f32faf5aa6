"""Check an opened capture."""

from __future__ import annotations

import sys

from training.captures.capture import Capture
from training.inspection.examine import Report, examine
from training.inspection.from_capture import footage_of
from training.inspection.measures import measure


def check(capture: Capture) -> Report:
    """Check an opened capture, and print each step to stderr."""

    def announce(what: str) -> None:
        print(f"checking the capture: {what}", file=sys.stderr)

    report = examine(footage_of(capture), announce)
    measure(report, announce)
    return report
