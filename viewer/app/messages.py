"""Messages to the user: errors in dialogs, other messages in the status bar."""

from __future__ import annotations

import time
from collections.abc import Callable

from viewer.app.faults import TRY_AGAIN, Fault, fault_of

MESSAGE_SECONDS = 10.0
"""How long the status bar shows a sentence."""


class Messages:
    """Errors that wait to be read, and the last sentence for the status bar.

    Args:
        redraw: called when there is something new to show.
    """

    def __init__(self, redraw: Callable[[], None]) -> None:
        self._redraw = redraw
        self.errors: list[Fault] = []
        """Errors to show as dialogs, oldest first."""
        self.last = ""
        """The last sentence that was set."""
        self._set_at = 0.0

    def show_error(self, fault: Fault) -> None:
        """Show an error as a dialog, unless the same one is waiting already."""
        if fault not in self.errors:
            self.errors.append(fault)
        self._redraw()

    def show_exception(self, error: Exception, title: str, advice: str = TRY_AGAIN) -> None:
        """Show an exception as a dialog; `title` and `advice` as in `fault_of`."""
        self.show_error(fault_of(error, title, advice))

    def set_status(self, text: str) -> None:
        """Show a sentence in the status bar for a while."""
        self.last, self._set_at = text, time.monotonic()
        self._redraw()

    @property
    def status(self) -> str:
        """Text of the status bar: the last sentence, for `MESSAGE_SECONDS`."""
        return self.last if time.monotonic() - self._set_at < MESSAGE_SECONDS else ""
