"""A layout of captures on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.captures.description import Description
from training.captures.files import CaptureFolder
from training.captures.meta import CaptureMeta


@dataclass(frozen=True)
class Layout:
    """How captures of one kind are stored on disk."""

    name: str
    """Name for `--layout`."""
    title: str
    """Whose layout it is."""
    marker: str
    """What a folder of this layout has, for messages."""
    recognizes: Callable[[CaptureFolder], bool]
    """Returns whether a folder looks like this layout. Reads names of files only."""
    read: Callable[[CaptureFolder, CaptureMeta], Description]
    """Describes the capture; raises InputError when something is missing or damaged."""
