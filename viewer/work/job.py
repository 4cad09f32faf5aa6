"""Long work on a background thread, with progress, time left, cancellation and an outcome."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from renderer.backend import CancelToken, RenderCancelled

JobFunction = Callable[["Job"], str]
"""The work of a job. It reports progress to the job and returns one sentence about the result."""


class Job:
    """A function that runs on a separate thread.

    Args:
        label: description of the work, for the user.
        function: the work. It calls `report` from time to time and stops when `cancel` is set.
        wake: called on the job's thread after every report and at the end.
        brief: whether it only completes something, so that a closing viewer waits for it before it cancels it.
    """

    def __init__(self, label: str, function: JobFunction, wake: Callable[[], None] = lambda: None, brief: bool = False) -> None:
        self.label, self.brief = label, brief
        self.cancel = CancelToken()
        """Set by the user; the function polls it."""
        self.fraction = 0.0
        """Fraction that is done, 0 to 1."""
        self.detail = ""
        """Current step of the work, for the user."""
        self.message = ""
        """The result; empty while the job runs or if it failed."""
        self.error: Exception | None = None
        """The error, if it failed."""
        self._function = function
        self._wake = wake
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=label, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still running."""
        return self._thread.is_alive()

    @property
    def seconds_left(self) -> float:
        """Estimated time left, seconds; infinite at first."""
        elapsed = time.monotonic() - self._began
        return elapsed / self.fraction * (1 - self.fraction) if self.fraction > 0 else math.inf

    def report(self, fraction: float, detail: str = "") -> None:
        """Report progress; called by the function."""
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
