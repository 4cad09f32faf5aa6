"""Closing the viewer while work is under way: it waits, or the user stops the work."""

from __future__ import annotations

from viewer.app.jobs import Jobs
from viewer.app.recording import Recording


class Closing:
    """Whether the user wants to close the viewer, which waits until all jobs have ended.

    Args:
        jobs: the work under way.
        recording: its screen recording ends when the user closes the viewer.
    """

    def __init__(self, jobs: Jobs, recording: Recording) -> None:
        self._jobs, self._recording = jobs, recording
        self.requested = False
        """Whether the viewer closes as soon as no job runs."""
        self.stopping = False
        """Whether the jobs were told to stop."""

    def request(self) -> bool:
        """Ask to close the viewer, and return whether it may close now."""
        self._recording.stop()
        self._jobs.report_ended()
        self.requested = bool(self._jobs.running)
        return not self.requested

    def stop(self) -> None:
        """Stop all work; what is finished is kept where possible."""
        self.stopping = True
        self._jobs.cancel()

    def withdraw(self) -> None:
        """Keep the viewer open."""
        self.requested = self.stopping = False
