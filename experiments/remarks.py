"""Remarks that people wrote about results, in `remarks.yaml`: reasons why a row agrees with the paper or does not."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import InputError
from common.yaml_documents import read_yaml
from experiments.table import FOLDER, Row

Remarks = dict[str, str]
"""Texts by the name of the row; "all" is about the whole section."""


def read_remarks(key: str, rows: Sequence[Row]) -> Remarks:
    """Return the remarks about a section.

    Args:
        key: of the section, as `section_key` returns it.
        rows: of the table.

    Raises:
        InputError: the file is damaged, or names a row that the table does not have.
    """
    path = FOLDER / "remarks.yaml"
    found = _mapping(path.name, _mapping(path.name, read_yaml(path) if path.is_file() else {}).get(key, {}))
    known = ["all", *(row.name for row in rows)]
    remarks = {}
    for name, text in found.items():
        if name not in known:
            raise InputError(f"{path.name}, {key}", f"has no row {str(name)[:60]!r}", f"choose one of {', '.join(known)}")
        if not isinstance(text, str):
            raise InputError(f"{path.name}, {key}, {name}", "must be a text")
        remarks[name] = " ".join(text.split())
    return remarks


def _mapping(subject: str, values: object) -> dict[str, object]:
    if not isinstance(values, dict | None):
        raise InputError(subject, "must be a mapping")
    return values or {}
