"""Wait in tests: long enough for a busy machine, but never forever."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT = 240.0
"""Seconds after which a test gives up waiting, long enough even on a busy machine."""


def wait_until(condition: Callable[[], object], step: Callable[[], object] = lambda: None) -> None:
    """Wait until a condition holds, and call `step` between checks of it; fail after `TIMEOUT` seconds."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)
        step()
