"""Read the files of a capture's folder: never outside of it, never more than a limit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from common.errors import InputError
from training.captures.sources import FileImage, checked_path

MAX_TEXT_BYTES = 64 << 20
"""Maximum size of a calibration file."""

MAX_ENTRIES = 1_000_000
"""Maximum number of files in a folder."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
"""Endings of image files."""

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
"""Endings of video files."""


class CaptureFolder:
    """The folder of a capture.

    Args:
        root: the folder.

    Raises:
        InputError: there is no such folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(root, "no such folder")

    def has_file(self, name: str) -> bool:
        """Return whether there is a file of that relative name."""
        return (self.root / name).is_file()

    def has_folder(self, name: str) -> bool:
        """Return whether there is a folder of that relative name."""
        return (self.root / name).is_dir()

    def folder(self, name: str) -> Path:
        """Return the path of a folder; raise InputError when it is missing or outside the capture."""
        path = self.root / name
        if not path.is_dir():
            raise InputError(path, "no such folder")
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise InputError(path, "is a link that leads out of the capture", "copy the files into the folder")
        return path

    def data(self, name: str, limit: int = MAX_TEXT_BYTES) -> bytes:
        """Return the bytes of a file; raise InputError when it is missing, outside the capture or larger than the limit."""
        path = checked_path(self.root, name)
        try:
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})") from error
        if len(content) > limit:
            raise InputError(path, f"is larger than {limit >> 20} MiB")
        return content

    def text(self, name: str, limit: int = MAX_TEXT_BYTES) -> str:
        """Return a file as text; bytes that are not UTF-8 are replaced. Raises as `data` does."""
        return self.data(name, limit).decode("utf-8-sig", errors="replace")

    def names(self, name: str = "") -> list[str]:
        """Return the sorted names of the files and folders in a folder, numbers in the order of their values.

        Raises:
            InputError: the folder is missing, is outside the capture or has more than `MAX_ENTRIES` entries.
        """
        path = self.folder(name)
        found = []
        with os.scandir(path) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) > MAX_ENTRIES:
                    raise InputError(path, f"has more than {MAX_ENTRIES:,} files")
        return sorted(found, key=natural)

    def folders(self, name: str = "") -> list[str]:
        """Return the sorted names of the folders in a folder; raises as `names` does."""
        return [entry for entry in self.names(name) if not entry.startswith(".") and (self.root / name / entry).is_dir()]

    def images(self, name: str) -> list[str]:
        """Return the sorted names of the image files in a folder; raises as `names` does."""
        return [entry for entry in self.names(name) if is_image(entry)]

    def first_like(self, places: Iterable[str], prefix: str = "", suffix: str = "") -> str | None:
        """Return the path of the first file whose name has a prefix and a suffix, searched in some folders in turn.

        Args:
            places: relative paths of folders that need not exist; "" is the capture itself.
            prefix: beginning of the name.
            suffix: end of the name.
        """
        for place in places:
            if not place or self.has_folder(place):
                found = [name for name in self.names(place) if name.startswith(prefix) and name.endswith(suffix)]
                if found:
                    return f"{place}/{found[0]}".lstrip("/")
        return None

    def image(self, name: str) -> FileImage:
        """Return the image of that relative name."""
        return FileImage(self.root, name)


def is_image(name: str) -> bool:
    """Return whether a file has the ending of an image."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def is_video(name: str) -> bool:
    """Return whether a file has the ending of a video."""
    return name.lower().endswith(VIDEO_SUFFIXES) and not name.startswith(".")


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders the numbers in names by value: 2 before 10."""
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def stem(name: str) -> str:
    """Return a file's name without folders and ending."""
    base = name.rsplit("/", 1)[-1]
    return base.rsplit(".", 1)[0] if "." in base else base


def find_name(folder: CaptureFolder, names: Iterable[str]) -> str | None:
    """Return the first of these relative names that is a file, or None."""
    return next((name for name in names if folder.has_file(name)), None)
