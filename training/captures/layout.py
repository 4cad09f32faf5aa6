"""A layout of captures on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.errors import InputError
from training.captures.description import Description
from training.captures.files import CaptureFolder
from training.captures.meta import CaptureMeta

Found = TypeVar("Found")
"""What marks a folder of a layout, for instance the name of a file."""


@dataclass(frozen=True)
class Layout(Generic[Found]):
    """How captures of one kind are stored on disk."""

    name: str
    """Name for `--layout`."""
    title: str
    """Whose layout it is."""
    marker: str
    """What a folder of this layout has, for messages."""
    find: Callable[[CaptureFolder], Found | None]
    """Returns what marks a folder of this layout, or None if it is of another one. Reads names of files only."""
    read: Callable[[CaptureFolder, CaptureMeta, Found], Description]
    """Describes the capture, given what `find` returned; raises InputError when something is missing or damaged."""

    def describe(self, folder: CaptureFolder, meta: CaptureMeta) -> Description:
        """Describe a capture; raise InputError when it is of another layout, or something is missing or damaged."""
        found = self.find(folder)
        if found is None:
            raise InputError(folder.root, f"is not a capture of the layout {self.name}", f"it needs {self.marker}")
        return self.read(folder, meta, found)


def file_named(name: str) -> Callable[[CaptureFolder], str | None]:
    """Return the `find` of a layout that is marked by one file."""
    return lambda folder: name if folder.has_file(name) else None
