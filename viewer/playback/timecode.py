"""Convert frame numbers to timecodes HH:MM:SS:FF and back."""

from __future__ import annotations

import re

from common.errors import InputError

MAX_DIGITS = 12
"""Maximum number of digits of each number in a timecode."""


def frames_per_second(fps: float) -> int:
    """Return the frames per second of a timecode: `fps` rounded, at least 1 (non-drop-frame)."""
    return max(1, round(fps))


def format_timecode(frame: float, fps: float) -> str:
    """Format a frame index as HH:MM:SS:FF (non-drop-frame). A fraction of a frame is dropped.

    Args:
        frame: frame index, not negative.
        fps: frames per second; 29.97 counts as 30, as editors do.
    """
    rate = frames_per_second(fps)
    whole = max(0, int(frame + 1e-6))
    seconds, frames = divmod(whole, rate)
    digits = max(2, len(str(rate - 1)))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:0{digits}d}"


def tick_time(frame: int, fps: float) -> str:
    """Format the time at `frame` for a time axis: "1.5 s", "1:30"; empty if it is not a whole tenth of a second."""
    tenths, rest = divmod(frame * 10, frames_per_second(fps))
    if rest:
        return ""
    fraction = f".{tenths % 10}" if tenths % 10 else ""
    minutes, seconds = divmod(tenths // 10, 60)
    return f"{minutes}:{seconds:02d}{fraction}" if minutes else f"{seconds}{fraction} s"


def parse_timecode(text: str, fps: float) -> float:
    """Parse a frame number ("12", "12.5") or a timecode [[HH:]MM:]SS:FF and return the frame index.

    Raises:
        InputError: the text is neither.
    """
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d*)?", text):
        return float(text)
    parts = text.split(":")
    if not (2 <= len(parts) <= 4 and all(re.fullmatch(r"\d+", part) for part in parts)):
        raise InputError(f"frame {text!r}", "is neither a frame number nor a timecode", "type 120 or 00:00:04:00")
    if max(len(part) for part in parts) > MAX_DIGITS:
        raise InputError(f"frame {text[:20]!r}", "is larger than any frame number")
    hours, minutes, seconds, frames = [0] * (4 - len(parts)) + [int(part) for part in parts]
    return float(((hours * 60 + minutes) * 60 + seconds) * frames_per_second(fps) + frames)
