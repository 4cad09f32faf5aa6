"""Small JSON files in the user's cache folder. Lost files are computed again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from common.atomic import write_text
from common.documents import read_json
from common.errors import InputError


def cache_folder() -> Path:
    """Return the user's cache folder."""
    return Path(platformdirs.user_cache_dir("mlpvid", appauthor=False))


def read_cached(path: Path) -> dict[str, Any]:
    """Read a file of names and values; empty if it is missing or damaged."""
    try:
        found = read_json(path)
    except InputError:
        return {}
    return found if isinstance(found, dict) else {}


def write_cached(path: Path, values: Mapping[str, object]) -> None:
    """Write a file of names and values. Nothing happens if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(values, indent=1))
    except (OSError, InputError):
        return  # the next start computes them again
