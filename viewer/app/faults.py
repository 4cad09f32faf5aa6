"""Errors as the window shows them: what failed, why, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError

LONGEST_NAME = 36
"""Maximum length of a file name in a title bar. Longer names are cut in the middle."""

TRY_AGAIN = "Check the file and the settings, then try again."
"""Advice for errors that do not contain one."""

CHECK_FILE = "Check that the file exists, is complete, and can be read; or choose another one."
"""Advice for files that cannot be read."""

CHECK_FOLDER = "Check that the folder exists, is writable, and has free space."
"""Advice for files that cannot be written."""

REPORT_IT = "This is a bug in the viewer. Press Copy and report it. The viewer keeps running."
"""Advice for bugs."""

VERBS = frozenset(("are", "cannot", "does", "ended", "has", "holds", "is", "must", "names", "needs", "shows"))
"""First words of faults that form a sentence after their subject."""


@dataclass(frozen=True)
class Fault:
    """An error to show."""

    title: str
    """What failed."""
    reason: str
    """Why, one sentence."""
    advice: str
    """What to do about it, one or more sentences."""

    def __str__(self) -> str:
        return f"{self.title}: {self.reason} {self.advice}"


def fault_of(error: Exception, title: str, advice: str = TRY_AGAIN) -> Fault:
    """Return what to show about an exception.

    Args:
        error: an InputError means bad input; any other exception is a bug.
        title: what failed, "Cannot ...".
        advice: what to do if the error itself does not say it.
    """
    if not isinstance(error, InputError):
        return Fault(title, sentence(f"{type(error).__name__}: {error}"), REPORT_IT)
    separator = " " if error.fault.split(" ")[0] in VERBS else ": "
    return Fault(
        title, sentence(f"{error.subject}{separator}{error.fault}"), sentence(error.remedy) if error.remedy else advice
    )


def sentence(text: str) -> str:
    """Return text as one line with a capital and a full stop; names of files keep their first letter."""
    line = " ".join(text.split()).rstrip(".")
    first = line.split(" ", 1)[0]
    return f"{line if any(mark in first for mark in './_') else line[:1].upper() + line[1:]}."


def cannot_open(path: Path | str) -> str:
    """Return the title of the error for a file that cannot be opened."""
    return f"Cannot open {short_name(path)}"


def short_name(path: Path | str) -> str:
    """Return the name of a file, cut in the middle if it is long."""
    name, half = Path(path).name or str(path), LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"
