"""Work that takes a while, beside the window: progress, estimated time left, cancelling, and how it ended."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from renderer.backend import CancelToken, RenderCancelled

JobFunction = Callable[["Job"], str]
"""What a job does: it is given the job to report to and returns one sentence about the result."""


class Job:
    """A function on a thread of its own.

    Args:
        label: what it does, for people.
        function: the work; it calls `report` now and then and obeys `cancel`.
        wake: called when there is news, from the job's thread.
    """

    def __init__(self, label: str, function: JobFunction, wake: Callable[[], None] = lambda: None) -> None:
        self.label = label
        self.cancel = CancelToken()
        """Set by the user; the function polls it."""
        self.fraction = 0.0
        """Part that is done, 0 to 1."""
        self.detail = ""
        """What it is at."""
        self.message = ""
        """How it ended; empty while it runs or when it failed."""
        self.error: Exception | None = None
        """Why it failed."""
        self._function = function
        self._wake = wake
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=label, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def seconds_left(self) -> float:
        """Estimated from the part that is done; infinite at first."""
        elapsed = time.monotonic() - self._began
        return elapsed / self.fraction * (1 - self.fraction) if self.fraction > 0 else math.inf

    def report(self, fraction: float, detail: str = "") -> None:
        """Tell how far it is; called by the function."""
        self.fraction, self.detail = min(max(fraction, 0.0), 1.0), detail
        self._wake()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self.message = self._function(self)
        except RenderCancelled:
            self.message = f"{self.label}: cancelled"
        except Exception as error:  # the window shows it
            self.error = error
        finally:
            self._wake()
