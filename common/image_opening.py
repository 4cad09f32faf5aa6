"""Open image files with Pillow, within the limits of this program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from common.errors import InputError
from common.webp_size import HEADER_BYTES, webp_size

_PLUGINS: dict[str, Callable[[Path | IO[bytes]], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}

_Limits = tuple[int, int, str | Path]
"""Most pixels along a side, most pixels, and what messages name."""

FORMATS = tuple(_PLUGINS)
"""Formats that can be opened."""

MAX_PIXELS = 178_000_000
"""Most pixels of an image of any format. Pillow's WebP decoder refuses slightly more."""


def open_image(
    file: Path | IO[bytes], formats: Sequence[str], max_side: int, max_pixels: int = MAX_PIXELS, subject: str | Path = ""
) -> ImageFile.ImageFile:
    """Open an image. Only its header is read.

    `Image.open` has limits of its own: it warns on the terminal about images of more than 89 megapixels, and refuses those of
    more than 178. They are a variable that all code of a process shares, so this function asks Pillow's plugins directly.

    Args:
        file: a path, or a binary stream.
        formats: those of `FORMATS` that may be opened.
        max_side: most pixels along a side.
        max_pixels: most pixels.
        subject: what messages name.

    Raises:
        InputError: the image is larger.
        SyntaxError: it has another format, or its header is damaged.
        OSError, ValueError, EOFError: it cannot be read, or is damaged.
    """
    limits = (max_side, max_pixels, subject)
    image = _identified(file, formats, limits)
    try:
        _check_size(image.size, *limits)
    except InputError:
        image.close()
        raise
    return image


def _identified(file: Path | IO[bytes], formats: Sequence[str], limits: _Limits) -> ImageFile.ImageFile:
    for name in formats:
        try:
            if name == "WEBP":  # its decoder takes the memory of all pixels at once
                _check_size(webp_size(_header(file)), *limits)
            if not isinstance(file, Path):
                file.seek(0)
            return _PLUGINS[name](file)
        except SyntaxError:  # how a plugin says that the format is another one
            continue
    raise SyntaxError(f"none of {', '.join(formats)}")


def _header(file: Path | IO[bytes]) -> bytes:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return opened.read(HEADER_BYTES)
    file.seek(0)
    return file.read(HEADER_BYTES)


def _check_size(size: tuple[int, int], max_side: int, max_pixels: int, subject: str | Path) -> None:
    width, height = size
    if max(width, height) > max_side:
        raise InputError(subject, f"has {width}x{height} pixels", f"reduce it to {max_side} pixels or less along each side")
    if width * height > max_pixels:
        raise InputError(subject, f"has {width}x{height} pixels", f"reduce it to {max_pixels // 1_000_000} megapixels or less")
