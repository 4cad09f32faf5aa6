"""The sound of a recording: the parts of the video's sound that belong to its pictures, and silence elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from common.memory import check_memory
from model.sound.decode import CHANNELS, RATE, Samples, decode_sound
from model.video import VolumetricVideo
from viewer.camera_path.frame_schedule import PlayedRange

NOT_IN_TIME = "; without sound, because the scene does not play forward at its own speed"
"""Note for recordings that cannot have the sound of their video."""


@dataclass(frozen=True)
class SoundTrack:
    """The sound of a recording."""

    samples: Samples | None = None
    """(N, 2) samples at 48 kHz, as long as the recording; None for a recording without sound."""
    note: str = ""
    """End of the message about the recording: why the sound of the video is missing; empty if it is not."""


def sound_track(
    video: VolumetricVideo, played: Iterable[PlayedRange], seconds: float, check: Callable[[], None] = lambda: None
) -> SoundTrack:
    """Decode the sound of a video and put it under the parts of a recording in which the video plays.

    What is wrong with the sound becomes a note: a recording without sound is better than none.

    Args:
        video: has the sound.
        played: those parts.
        seconds: length of the recording.
        check: called while the sound is decoded; may raise to end it.
    """
    sound, ranges = video.metadata.sound, tuple(played)
    if sound is None:
        return SoundTrack()
    if not ranges:
        return SoundTrack(note=NOT_IN_TIME)
    try:
        check_memory(round(seconds * RATE) * CHANNELS * 2, "the sound of the recording", "record a shorter part")
        decoded = decode_sound(sound, video.duration - sound.offset, check)
    except InputError as error:
        return SoundTrack(note=f"; without sound: {error}")
    return SoundTrack(place_sound(decoded, sound.offset, ranges, seconds))


def place_sound(sound: Samples, offset: float, played: Iterable[PlayedRange], seconds: float) -> Samples:
    """Return the sound of a recording.

    Args:
        sound: samples from the sound's beginning.
        offset: time of the video at which it begins, seconds.
        played: parts of the recording, and where they are in the video.
        seconds: length of the recording.

    Returns:
        (N, 2) samples, N = seconds x 48,000, with silence where nothing plays.
    """
    result = np.zeros((round(seconds * RATE), CHANNELS), np.int16)
    for part in played:
        start, stop = round(part.start * RATE), min(round((part.start + part.seconds) * RATE), len(result))
        source = round((part.scene_start - offset) * RATE)
        lead = max(0, -source)  # samples before the sound begins
        piece = sound[source + lead : max(source + stop - start, 0)]
        result[start + lead : start + lead + len(piece)] = piece
    return result
