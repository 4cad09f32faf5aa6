"""The one exception that means "the input is at fault, not the program"."""

from __future__ import annotations

from pathlib import Path


class InputError(Exception):
    """A fault in what the user gave: a file, an option, a capture.

    Its text is one line that names the thing, says what is wrong and, where there is one, what to do about it. Commands
    print it as ``error: ...`` and exit with 2; the window shows it as a dialog. Any other exception is a bug.

    Args:
        subject: the file or option at fault.
        fault: what is wrong with it.
        remedy: what the user can do; empty when the fault says it already.
    """

    def __init__(self, subject: str | Path, fault: str, remedy: str = "") -> None:
        self.subject = str(subject)
        self.fault = fault
        self.remedy = remedy
        text = f"{self.subject}: {fault}" + (f"; {remedy}" if remedy else "")
        super().__init__(" ".join(text.split()))
