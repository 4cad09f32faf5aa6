"""Where an image of a capture comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from PIL import Image

from common import image_opening
from common.errors import InputError
from common.image_opening import FORMATS
from model.camera import MAX_IMAGE_SIDE

DECODING_FAULTS = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, MemoryError)
"""What Pillow raises for damaged files."""


class ImageSource(Protocol):
    """One image or mask that can be opened when it is needed."""

    @property
    def path(self) -> Path:
        """The file, for messages."""

    def exists(self) -> bool:
        """Return whether the image is there, without decoding it."""

    def open(self) -> Any:
        """Open the image with Pillow; raise InputError when it is missing, too large or not an image."""

    def fingerprint(self) -> bytes:
        """Return bytes that change when the image does; raise InputError when it cannot be read."""


@dataclass(frozen=True, slots=True)
class InFile:
    """What all images have whose place is a file inside a capture's folder."""

    root: Path
    """The capture's folder."""
    name: str
    """Relative path, with slashes."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.root / self.name

    def exists(self) -> bool:
        """Return whether the file exists."""
        return self.path.is_file()


@dataclass(frozen=True, slots=True)
class FileImage(InFile):
    """An image file."""

    def open(self) -> Any:
        """Open the image with Pillow; raise InputError when it is missing, outside the capture, too large or not an image."""
        return open_image(checked_path(self.root, self.name), self.path)

    def fingerprint(self) -> bytes:
        """Return the bytes of the file; raise InputError when it cannot be read."""
        try:
            return checked_path(self.root, self.name).read_bytes()
        except OSError as error:
            raise InputError(self.path, f"cannot be read ({error.strerror})") from error


def open_image(file: Any, path: Path) -> Any:
    """Open an image with Pillow. Only its header is read.

    Args:
        file: a path, or a binary stream.
        path: the file to name in messages.

    Raises:
        InputError: the image is not one of `FORMATS`, or has more than `MAX_IMAGE_SIDE` pixels per side or more than
            `image_opening.MAX_PIXELS` in total.
    """
    try:
        return image_opening.open_image(file, FORMATS, MAX_IMAGE_SIDE, subject=path)
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except DECODING_FAULTS as error:
        raise InputError(path, "cannot be read as an image", f"the formats {', '.join(FORMATS)} are read") from error


def checked_path(root: Path, name: str) -> Path:
    """Return the path of a regular file inside the capture; raise InputError when it is missing or lies outside."""
    path = root / name
    if not is_inside(name):
        raise InputError(path, "is outside the capture")
    if not path.is_file():
        raise InputError(path, "no such file")
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(path, "is a link that leads out of the capture", "copy the files into the folder")
    return path


def is_inside(name: str) -> bool:
    """Return whether a relative path stays inside its folder, judged by its text."""
    parts = PurePosixPath(name)
    return bool(parts.parts) and not parts.is_absolute() and ".." not in parts.parts and not re.search(r"[\x00-\x1f:]", name)
