"""Numbers as people write them."""

from __future__ import annotations

import math
import re

_NUMBER = r"[+-]?(?:\d{1,18}\.?\d{0,18}|\.\d{1,18})(?:[eE][+-]?\d{1,3})?"
_FRACTION = re.compile(rf"\s*({_NUMBER})\s*(?:/\s*({_NUMBER})\s*)?", re.ASCII)


def parse_number(text: str) -> float | None:
    """Return a finite number written as 25, 29.97, 3e-3 or 30000/1001; None if the text is not such a number."""
    found = _FRACTION.fullmatch(text)
    if found is None:
        return None
    above, below = float(found[1]), float(found[2] or 1)
    value = above / below if below else math.inf
    return value if math.isfinite(value) else None


def parse_whole(text: str) -> int | None:
    """Return a whole number, at least 0, written as 512, 512.0 or 5e2; None if the text is not such a number."""
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    value = parse_number(text)
    return int(value) if value is not None and value.is_integer() and 0 <= value < 1 << 53 else None


def counted(count: int, noun: str) -> str:
    """Format a number of things: "1 keyframe", "12 keyframes"."""
    return f"{count} {noun}" + "s" * (count != 1)
