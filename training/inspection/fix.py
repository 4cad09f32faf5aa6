"""Write remedies into meta.yaml. Everything else in it is kept, comments included."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from common.atomic import atomic_write
from common.documents import decode_text
from common.errors import InputError
from common.yaml_documents import dump_yaml, read_yaml
from training.inspection.examine import merge


def write_remedies(path: Path, entries: dict[str, Any]) -> None:
    """Add entries to a YAML file, or replace those that exist.

    The lines of other entries stay as they are. An entry that is a mapping is merged with the one in the file.

    Args:
        path: the file. It is created if it does not exist.
        entries: what to write.

    Raises:
        InputError: the file is not a YAML mapping, or it cannot be read or written.
    """
    if not entries:
        return
    old = (read_yaml(path) if path.exists() else {}) or {}
    if not isinstance(old, dict):
        raise InputError(path, "must be a mapping of names to values")
    wanted = merge(old, entries)
    kept = _without_entries(decode_text(path.read_bytes()), set(entries)) if path.exists() else ""
    end = "\r\n" if "\r\n" in kept else "\n"
    changed = dump_yaml({key: wanted[key] for key in entries}).replace("\n", end)
    text = kept + (end if kept and not kept.endswith("\n") else "") + changed
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode())
        if not _has(temporary, wanted):  # unusual YAML, for instance {...} over the whole file
            temporary.write_text(dump_yaml(wanted), encoding="utf-8")


def _has(path: Path, wanted: dict[str, Any]) -> bool:
    try:
        return bool(read_yaml(path) == wanted)
    except InputError:
        return False


def _without_entries(text: str, keys: set[str]) -> str:
    """Return the lines that do not belong to the given top-level entries."""
    lines, skipping = [], False
    for line in text.splitlines(keepends=True):
        name = re.match(r"""["']?([\w-]+)["']?\s*:""", line)
        if name:
            skipping = name[1] in keys
        elif line[:1] not in (" ", "\t", "-", "\n", "\r", "#"):
            skipping = False
        if not skipping or not line.strip() or line.startswith("#"):
            lines.append(line)
    return "".join(lines)
