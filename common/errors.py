"""The exception that means "the input is wrong, not the program"."""

from __future__ import annotations

from pathlib import Path


class InputError(Exception):
    """Something is wrong with the user's input: a file, an option, a capture.

    The text is one line that names the input, says what is wrong and, if possible, what to do. Commands print it as
    ``error: ...`` and exit with 2; the window shows it in a dialog. Any other exception is a bug.

    Args:
        subject: the file or option that is wrong.
        fault: what is wrong with it.
        remedy: what the user can do; empty when that is obvious from the fault.
    """

    def __init__(self, subject: str | Path, fault: str, remedy: str = "") -> None:
        self.subject = str(subject)
        self.fault = fault
        self.remedy = remedy
        text = f"{self.subject}: {fault}" + (f"; {remedy}" if remedy else "")
        super().__init__(" ".join(text.split()))


class DamagedData(InputError):
    """A part of a file is not as it was written. Its other parts can still be used."""
