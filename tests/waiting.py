"""Wait in tests: long enough for a busy machine, but never forever."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT = 240.0
"""Seconds after which a test gives up waiting, long enough even on a busy machine."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.005, 0.05
"""Limits of the pauses between two checks, seconds."""

PAUSE_PER_STEP = 2.0
"""A pause is this many times as long as the step before it: what is awaited gets most of the processor's time."""


def wait_until(condition: Callable[[], object], step: Callable[[], object] = lambda: None) -> None:
    """Wait until a condition holds, and call `step` between checks of it; fail after `TIMEOUT` seconds."""
    end, pause = time.monotonic() + TIMEOUT, SHORTEST_PAUSE
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(pause)
        began = time.monotonic()
        step()
        pause = min(max(PAUSE_PER_STEP * (time.monotonic() - began), SHORTEST_PAUSE), LONGEST_PAUSE)
