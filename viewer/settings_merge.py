"""Merges the settings of two viewers that are open at the same time, so that neither loses what it saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MAX_RECENT_FILES = 12
"""Longest list of recent files."""


def merged(before: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in the file, with what this viewer has changed.

    Args:
        before: what this viewer last read or saved.
        mine: what it has now.
        theirs: what is in the file, where another viewer may have saved it. All three have the same names.
    """
    result: dict[str, Any] = {}
    for name, value in mine.items():
        if isinstance(value, dict):
            result[name] = merged(before[name], value, theirs[name])
        elif name == "recent_files":
            result[name] = _merged_files(before[name], value, theirs[name])
        else:
            result[name] = value if value != before[name] else theirs[name]
    return result


def _merged_files(before: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Put the files that were opened since `before` in front of theirs, and remove those that were forgotten."""
    opened = len(mine)  # the first of mine, up to those that are in the order of before
    while opened and list(mine[opened - 1 :]) == [path for path in before if path in mine[opened - 1 :]]:
        opened -= 1
    forgotten = set(before) - set(mine) if len(mine) < MAX_RECENT_FILES else set()
    others = [path for path in theirs if path not in mine[:opened] and path not in forgotten]
    return [*mine[:opened], *others][:MAX_RECENT_FILES]
