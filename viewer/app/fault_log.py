"""The file that keeps the tracebacks of the program's own faults, so that they can be sent with a report."""

from __future__ import annotations

import datetime
import traceback
from pathlib import Path

import platformdirs

MAX_BYTES = 1 << 20
"""A longer log begins anew."""


def fault_log_path() -> Path:
    """The file, in the user's folder for logs as the platform wants it."""
    return Path(platformdirs.user_log_dir("mlpvid", appauthor=False)) / "faults.log"


def log_fault(error: Exception, place: str, path: Path) -> bool:
    """Add a traceback to the log.

    Args:
        error: what was raised.
        place: the part of the window that raised it.
        path: the log; its folder is made when it is missing.

    Returns:
        Whether it could be written.
    """
    text = "".join(traceback.format_exception(error))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        longest = path.exists() and path.stat().st_size > MAX_BYTES
        with path.open("w" if longest else "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.datetime.now().astimezone().isoformat(timespec='seconds')} {place}\n{text}\n")
    except OSError:
        return False
    return True
