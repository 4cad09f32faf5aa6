"""Encode samples as Opus in Ogg, the kind of sound that bundles have."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from common.errors import InputError
from model.sound.decode import MAX_SECONDS, RATE, Samples, decode_sound, load_av
from model.sound.stored import MAX_SOUND_BYTES, OPUS, VideoSound

BIT_RATE = 128000
"""Bits per second. Two channels of music are hard to tell from the original."""

_PIECE = RATE  # samples that are passed on at once


def as_opus(sound: VideoSound) -> VideoSound:
    """Return a sound as Opus in Ogg, read completely. One that is Opus already keeps its bytes, if it can be decoded.

    Raises:
        InputError: it cannot be decoded, is longer than `model.sound.decode.MAX_SECONDS`, or takes more than `MAX_SOUND_BYTES`.
    """
    samples = decode_sound(sound)
    if len(samples) >= MAX_SECONDS * RATE:
        raise InputError(sound.name, f"is longer than {MAX_SECONDS / 60:g} minutes", "cut it")
    data = sound.read() if sound.kind == OPUS else encode_opus(samples)
    if len(data) > MAX_SOUND_BYTES:
        raise InputError(sound.name, f"takes {len(data):,} bytes, more than {MAX_SOUND_BYTES:,}", "use a lower bit rate")
    return VideoSound(sound.name, lambda: data, OPUS, sound.offset)


def encode_opus(samples: Samples, bit_rate: int = BIT_RATE) -> bytes:
    """Encode samples, (N, 2) int16 at 48 kHz. The same samples give the same bytes.

    Args:
        samples: the sound.
        bit_rate: bits per second.

    Raises:
        InputError: this build of FFmpeg cannot encode Opus.
    """
    av = load_av("the sound")
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream("libopus", rate=RATE, layout="stereo", bit_rate=bit_rate)
            for frame in audio_frames(av, samples):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError("the sound", f"cannot be encoded as Opus ({error})") from error
    return buffer.getvalue()


def audio_frames(av: Any, samples: Samples) -> Iterator[Any]:
    """Yield samples as audio frames of FFmpeg with time stamps, one per second."""
    for start in range(0, len(samples), _PIECE):
        part = np.ascontiguousarray(samples[start : start + _PIECE])
        frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame
