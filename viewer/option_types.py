"""The types of the options of the viewer's command line: each function reads a text, or raises `argparse.ArgumentTypeError`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from common.command_line import parse_finite
from common.errors import InputError
from common.numbers import parse_whole
from common.streaming.address import Address, is_address, parse_address

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
"""Ends of the names of images that can be a background."""


def parse_range(text: str) -> tuple[int | None, int | None]:
    """Read "A:B", the frames from A to B - 1. Either number may be left out."""
    first, separator, last = (part.strip() for part in text.partition(":"))
    if not separator or any(part and parse_whole(part) is None for part in (first, last)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of frames; write A:B, for example 0:60")
    start, end = (parse_whole(part) if part else None for part in (first, last))
    if end is not None and end <= (start or 0):
        raise argparse.ArgumentTypeError(f"{text!r} is an empty range; it must end after it begins")
    return start, end


def parse_color(text: str) -> tuple[float, float, float]:
    """Read "R,G,B": three numbers 0 to 1, or 0 to 255 when one of them is above 1."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not all(math.isfinite(v) and 0 <= v <= 255 for v in values):
        raise argparse.ArgumentTypeError(f"{text!r} is not a color; write R,G,B, each 0 to 1 or 0 to 255")
    scale = 255.0 if max(values) > 1 else 1.0
    return values[0] / scale, values[1] / scale, values[2] / scale


def parse_background(text: str) -> tuple[float, float, float] | Path:
    """Read a color "R,G,B", or the name of an image."""
    return Path(text) if Path(text).suffix.lower() in IMAGE_SUFFIXES else parse_color(text)


def parse_positive(text: str) -> float:
    """Read a finite number above 0."""
    value = parse_finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be above 0")
    return value


def parse_limits(text: str) -> tuple[float, float]:
    """Read "LOW,HIGH": two finite numbers, the first one smaller."""
    low, separator, high = text.partition(",")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of values; write LOW,HIGH, for example 1.5,4")
    limits = parse_finite(low), parse_finite(high)
    if limits[0] >= limits[1]:
        raise argparse.ArgumentTypeError(f"{text!r} must begin with the smaller value")
    return limits


def parse_port(text: str) -> int:
    """Read the number of a port, 0 to 65535."""
    value = parse_whole(text)
    if value is None or not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; write a number from 0 to 65535")
    return value


def parse_place(text: str) -> Path | Address:
    """Read a path or an address."""
    if not is_address(text):
        return Path(text)
    try:
        return parse_address(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
