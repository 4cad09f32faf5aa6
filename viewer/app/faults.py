"""Faults as the window tells them: what failed, why, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError

LONGEST_NAME = 36
"""Longer file names are cut in their middle, so that they fit into a title bar."""

TRY_AGAIN = "Check file and settings, then try again."
"""What to do about a fault that says nothing of it itself."""

CHECK_FILE = "Check that the file is there, complete, and may be read; or choose another one."
"""What to do about a file that cannot be read."""

CHECK_FOLDER = "Check that the folder is there, can be written to, and has room left."
"""What to do about a file that cannot be written."""

REPORT_IT = "This is a mistake of the viewer: press Copy and report it. The viewer goes on."
"""What to do about a fault that is not the user's."""

VERBS = frozenset(("are", "cannot", "does", "ended", "has", "holds", "is", "must", "names", "needs", "shows"))
"""Words with which what is wrong with something makes a sentence about it."""


@dataclass(frozen=True)
class Fault:
    """One thing that failed."""

    title: str
    """What failed, in plain words."""
    reason: str
    """Why, one sentence."""
    advice: str
    """What to do about it, sentences."""
    unexpected: bool = False
    """Whether it is a mistake of the viewer, not of what the user gave."""

    def __str__(self) -> str:
        return f"{self.title}: {self.reason} {self.advice}"


def fault_of(error: Exception, title: str, advice: str = TRY_AGAIN) -> Fault:
    """What to tell about an error.

    Args:
        error: an InputError is the user's, any other one the viewer's.
        title: what failed, "Cannot ...".
        advice: what to do where the error itself does not say it.
    """
    if not isinstance(error, InputError):
        return Fault(title, sentence(f"{type(error).__name__}: {error}"), REPORT_IT, unexpected=True)
    parted = " " if error.fault.split(" ")[0] in VERBS else ": "
    return Fault(title, sentence(f"{error.subject}{parted}{error.fault}"), sentence(error.remedy) if error.remedy else advice)


def sentence(text: str) -> str:
    """Text on one line, with a capital, and with a full stop; names of files keep their first letter."""
    line = " ".join(text.split()).rstrip(".")
    first = line.split(" ", 1)[0]
    return f"{line if any(mark in first for mark in './_') else line[:1].upper() + line[1:]}."


def cannot_open(path: Path | str) -> str:
    """The title of a file that cannot be opened."""
    return f"Cannot open {short_name(path)}"


def short_name(path: Path | str) -> str:
    """The name of a file, cut in its middle when it is long."""
    name, half = Path(path).name or str(path), LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"
