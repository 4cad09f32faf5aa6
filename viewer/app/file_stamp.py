"""Telling one state of a file from another one."""

from __future__ import annotations

import os
from pathlib import Path

Stamp = tuple[int, int] | None
"""Time of the last change (ns) and size of a file; None when there is none."""


def file_stamp(path: Path) -> Stamp:
    """The state of a file now; taken before it is read, so that a change meanwhile makes a difference."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
