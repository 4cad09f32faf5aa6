"""A sound as it is stored, in a bundle or in a file next to it. Reading it needs no audio library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from common.byte_source import LocalFile
from common.errors import InputError

OPUS = ".opus"
"""Kind of the sound in bundles: Opus in Ogg."""

FORMATS = {OPUS: "ogg", ".ogg": "ogg", ".wav": "wav", ".flac": "flac", ".m4a": "mov", ".mp3": "mp3"}
"""Suffixes of sound files, and FFmpeg's name of each format. No other format is tried: some of them, such as playlists, make
FFmpeg open further files and addresses."""

MAX_SOUND_BYTES = 1 << 28
"""Maximum number of bytes of the sound in a bundle: four hours at 150 kbit/s."""

MAX_FILE_BYTES = 1 << 30
"""Maximum number of bytes of a sound file next to a bundle: 93 minutes of WAV with two channels at 48 kHz and 16 bits."""

MAX_OFFSET = 86400.0
"""Largest distance between the beginnings of video and sound, seconds."""


@dataclass(frozen=True, eq=False)
class VideoSound:
    """The sound of a video, encoded."""

    name: str
    """Where it is, for messages."""
    read: Callable[[], bytes]
    """Returns its bytes; may wait for a server. Raises InputError if they cannot be read or are damaged."""
    kind: str = OPUS
    """One of `FORMATS`."""
    offset: float = 0.0
    """Time of the video at which the sound begins, seconds. If it is negative, the sound's beginning is not played."""


def read_now(sound: VideoSound) -> VideoSound:
    """Return a sound whose bytes are in memory. If they cannot be read, its `read` raises the same error later."""
    try:
        data = sound.read()
    except InputError as error:
        return replace(sound, read=_failing(error))
    return replace(sound, read=lambda: data)


def _failing(error: InputError) -> Callable[[], bytes]:
    def read() -> bytes:
        raise error

    return read


def sound_file(path: Path, offset: float = 0.0) -> VideoSound:
    """Return the sound in a file, which is read when it is needed.

    Args:
        path: a file with one of the suffixes in `FORMATS`.
        offset: as in `VideoSound`.

    Raises:
        InputError: it has another suffix.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise InputError(path, "is not a sound file that can be read", f"use one of {', '.join(FORMATS)}")
    return VideoSound(str(path), lambda: _read_file(path), kind, offset)


def sound_beside(path: Path) -> VideoSound | None:
    """Return the sound file that has a bundle's name, but a suffix of `FORMATS`; None if there is none."""
    beside = (path.with_suffix(suffix) for suffix in FORMATS)
    found = next((file for file in beside if file.is_file()), None)
    return None if found is None else sound_file(found)


def _read_file(path: Path) -> bytes:
    file = LocalFile(path)
    try:
        if file.size > MAX_FILE_BYTES:
            raise InputError(path, f"has {file.size:,} bytes, more than {MAX_FILE_BYTES:,}")
        return file.read(0, file.size)
    finally:
        file.close()
