"""The clocks that can measure the length of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from training.config import TrainingConfig

Clock = Callable[[], float]
"""Returns seconds since some moment."""


def processor_time() -> float:
    """Return the processor time of this process, seconds: that of its threads and of the child processes that have ended."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def clock_of(config: TrainingConfig) -> Clock:
    """Return the clock that the length of a run is measured with."""
    return processor_time if config.processor_time else time.monotonic
