"""Make and check the folders that a program writes into, and links in their place."""

from __future__ import annotations

import os
from pathlib import Path

from common.errors import InputError


def check_name(path: Path) -> None:
    """Raise InputError if no file can have this name, where functions of the system would raise ValueError."""
    if "\0" in str(path):
        raise InputError(path, "contains a null character, which no file name can have")


def make_folder(path: Path, parents: bool = False) -> None:
    """Make a folder for output unless it exists; a link to a folder is followed.

    Args:
        path: the folder.
        parents: whether the folders around it are made, too.

    Raises:
        InputError: it cannot be made.
    """
    check_folder_link(path)
    try:
        path.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        raise InputError(path, f"cannot be created ({error.strerror})") from error


def check_folder_link(path: Path) -> None:
    """Raise InputError if the path is a link to a missing folder. The system's own reason would mislead."""
    check_link(path)
    if os.path.islink(path) and not os.path.exists(path):
        raise InputError(path, "is a link to a folder that does not exist", "make that folder first, or remove the link")


def check_link(path: str | Path) -> None:
    """Raise InputError if the path is a link that leads in a circle: what the user meant to write to is unknown."""
    if os.path.islink(os.path.realpath(path)):  # it stops where a link leads back
        raise InputError(path, "is a link that leads in a circle", "remove it, or choose another name")
