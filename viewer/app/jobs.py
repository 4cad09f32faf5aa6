"""Background jobs: start them, report their result, and wait for them when the window closes."""

from __future__ import annotations

from common.errors import InputError
from viewer.app.messages import Messages
from viewer.app.redraw import Redraw
from viewer.work.job import Job

LONGEST_WAIT = 60.0
"""Seconds to wait for each job when the window closes."""


class Jobs:
    """Jobs under way.

    Args:
        messages: shows how each job ended.
        redraw: notified when there is progress to show.
    """

    def __init__(self, messages: Messages, redraw: Redraw) -> None:
        self._messages, self._redraw = messages, redraw
        self.running: list[Job] = []
        """Jobs whose end was not reported yet, oldest first."""

    def start(self, job: Job) -> None:
        """Show the progress of a job until it ends."""
        self.running.append(job)
        self._redraw.request()

    def report_ended(self) -> None:
        """Show the result or the error of each job that has ended."""
        for job in [job for job in self.running if not job.running]:
            self.running.remove(job)
            if job.error is not None:
                self._messages.show_exception(job.error, f"{job.label} failed")
            else:
                self._messages.set_status(job.message)

    def cancel(self, brief: bool = True) -> None:
        """Ask all jobs to stop soon; what they have finished is kept where possible. `brief` includes the brief ones."""
        for job in self.running:
            if brief or not job.brief:
                job.cancel.cancel()

    def close(self) -> None:
        """Cancel all jobs and wait for them, but let brief ones finish; one that does not end in time becomes an error."""
        self.report_ended()
        self.cancel(brief=False)
        for job in self.running:
            job.wait(LONGEST_WAIT)
        self.report_ended()
        self.cancel()
        for job in self.running:
            job.wait(LONGEST_WAIT)
        self.report_ended()
        for job in self.running:
            self._messages.show_exception(InputError(job.label, "did not stop in time"), "Some work did not stop")
