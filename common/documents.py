"""Read JSON and YAML files of limited size; every fault is an `InputError` that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from common.errors import InputError

MAX_JSON_MEBIBYTES = 64
"""Largest JSON file that is read."""

MAX_YAML_MEBIBYTES = 1
"""Largest YAML file that is read."""


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing, unreadable, larger than `MAX_JSON_MEBIBYTES` or not JSON.
    """
    content = _read(path, MAX_JSON_MEBIBYTES)
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(path, "is not valid JSON") from error


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain data; tags that would build other objects are refused.

    Raises:
        InputError: the file is missing, unreadable, larger than `MAX_YAML_MEBIBYTES` or not YAML.
    """
    content = _read(path, MAX_YAML_MEBIBYTES)
    try:
        return yaml.safe_load(content.decode("utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(path, "is not valid YAML") from error


def _read(path: Path, max_mebibytes: int) -> bytes:
    limit = max_mebibytes << 20
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    if len(content) > limit:
        raise InputError(path, f"is larger than {max_mebibytes} MiB")
    return content
