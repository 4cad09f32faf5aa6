"""The file of the user's settings: YAML in the config folder. A damaged file never stops the viewer."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import Any

from common.atomic import write_text
from common.errors import InputError
from common.validation import validated
from common.yaml_documents import dump_yaml, read_yaml
from viewer.folders import settings_path
from viewer.settings import NOT_SAVED, VERSION, Settings
from viewer.settings_merge import merged

_log = logging.getLogger(__name__)


def load_settings(path: Path | None = None) -> tuple[Settings, str]:
    """Read the settings; a damaged or newer file is renamed and the defaults are used.

    Args:
        path: the file; `settings_path()` by default. If it is missing, the defaults are used.

    Returns:
        The settings, and a message for the user. The message is empty unless the file was bad.
    """
    file = path or settings_path()
    try:
        return read_settings(file), ""
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return Settings(), ""
        return Settings(), f"{error}. Default settings are in use{_set_aside(file)}."


def read_settings(path: Path) -> Settings:
    """Read a settings file strictly, as ``--config FILE.yaml`` does; fields that it does not name keep their defaults.

    Raises:
        InputError: the file is missing, unreadable, not YAML or of a newer version, or a field is unknown, of a wrong type or
            out of range.
    """
    values = read_yaml(path)
    _log.info("settings of %s", path)
    try:
        return _from_values({} if values is None else values)
    except InputError as error:
        raise InputError(path, str(error)) from error


def save_settings(settings: Settings, path: Path | None = None, before: Settings | None = None) -> None:
    """Write the settings atomically; create the folder if it is missing.

    Args:
        settings: what to save.
        path: the file; `settings_path()` by default.
        before: the settings that this viewer last read or saved. What has not changed since then stays as it is in the file,
            where another viewer may have saved it. None replaces the file.

    Raises:
        InputError: the file cannot be written, or a setting is out of range.
    """
    file = path or settings_path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(file, f"cannot be written ({error.strerror})") from error
    settings = validated(Settings, _plain(settings), "settings")  # never write a file that cannot be read again
    values = _plain(settings)
    if before is not None:
        with contextlib.suppress(InputError):  # there is no file to merge with
            values = merged(_plain(before), values, _plain(read_settings(file)))
    write_text(file, dump_yaml(values))


def _from_values(values: Any) -> Settings:
    version = values.get("version") if isinstance(values, dict) else None
    if isinstance(version, int) and version > VERSION:  # before its unknown fields are reported
        raise InputError("version", f"is {version}, newer than this viewer's {VERSION}", "update the viewer")
    return validated(Settings, values, "settings")


def _plain(settings: Settings) -> dict[str, Any]:
    values = dataclasses.asdict(settings)
    values["view"] = {name: value for name, value in values["view"].items() if name not in NOT_SAVED}
    return values


def _set_aside(path: Path) -> str:
    # Keep the user's file: the defaults would overwrite it on the next save.
    aside = path.with_name(f"{path.stem}.bad{path.suffix}")
    try:
        path.replace(aside)
    except OSError:
        return ""
    return f"; the old file was renamed to {aside.name}"
