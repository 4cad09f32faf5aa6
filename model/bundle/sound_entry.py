"""The field `sound` in the document of a coded `.mlpvid` file, from and to JSON (docs/format.md)."""

from __future__ import annotations

from dataclasses import dataclass

from common.documents import is_number, is_whole
from common.errors import InputError
from model.sound.stored import MAX_OFFSET, MAX_SOUND_BYTES

SOUND_MINOR_VERSION = 2
"""The minor version of files with a sound."""

CODEC = "opus"
"""The only codec: Opus in Ogg."""


@dataclass(frozen=True)
class SoundEntry:
    """What the header says about the sound."""

    nbytes: int
    """Bytes of the Ogg file that is stored."""
    offset: float
    """Time of the video at which the sound begins, seconds."""


def sound_to_dict(entry: SoundEntry) -> dict[str, object]:
    """Return the JSON of the field."""
    return {"codec": CODEC, "bytes": entry.nbytes, "offset": float(entry.offset)}


def sound_from_json(value: object, is_newer: bool) -> SoundEntry | None:
    """Check the field; None if the file has no sound, or one of a codec that a newer minor version has added.

    Args:
        value: parsed JSON; None where the document does not have the field.
        is_newer: whether the file's minor version is newer than this program.

    Raises:
        InputError: it is wrong.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InputError("sound", "must be an object")
    if value.get("codec") != CODEC:
        if is_newer:
            return None
        raise InputError("sound", f"must have the codec {CODEC!r}")
    count, offset = value.get("bytes"), value.get("offset")
    if not is_whole(count, 1, MAX_SOUND_BYTES):
        raise InputError("sound", f"must have 1 to {MAX_SOUND_BYTES:,} bytes")
    return SoundEntry(count, checked_offset(offset))


def checked_offset(value: object) -> float:
    """Return an offset in seconds; raise InputError if it is not a number or too large."""
    if not is_number(value, -MAX_OFFSET, MAX_OFFSET):
        raise InputError("the offset of the sound", f"must be a number of seconds from -{MAX_OFFSET:g} to {MAX_OFFSET:g}")
    return float(value)
