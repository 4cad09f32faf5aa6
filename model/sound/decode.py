"""Decode a sound with FFmpeg into samples. Files are not trusted: format, codec, channels, rate and length are limited."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.memory import check_memory
from model.sound.stored import FORMATS, OPUS, VideoSound

RATE = 48000
"""Samples per second after decoding; the rate of Opus."""

CHANNELS = 2
"""Channels after decoding: left and right."""

MAX_SECONDS = 3600.0
"""Longest sound that is decoded, seconds."""

MAX_CHANNELS, MIN_RATE, MAX_RATE = 8, 8000, 192000
"""Largest number of channels, lowest and highest number of samples per second of a file."""

Samples = NDArray[np.int16]
"""(N, 2) samples of left and right channel, `RATE` per second, -32768 to 32767."""

_SAMPLE_BYTES = CHANNELS * np.dtype(np.int16).itemsize
_MEMORY_CHECK = 60 * RATE  # samples between two looks at the memory
_GAP = 0.01  # seconds; shorter ones come from rounding in the file
_SECONDS_PER_BYTE = 0.06  # Opus' longest packet has 120 ms, and takes two bytes in a file
_CODECS = ("opus", "vorbis", "flac", "aac", "alac", "mp3", "mp3float", "libopus", "libvorbis")
_REMEDY = "convert it to Opus or WAV again"


def decode_sound(sound: VideoSound, seconds: float = MAX_SECONDS, check: Callable[[], None] = lambda: None) -> Samples:
    """Read and decode a sound. More or fewer channels become two, and other rates 48 kHz.

    Args:
        sound: the encoded sound.
        seconds: the part from the sound's beginning that is needed; the rest is not decoded.
        check: called now and then; may raise to end the decoding.

    Raises:
        InputError: it cannot be read, is damaged, empty, of an unknown codec or beyond the limits of this file, or PyAV is
            missing.
    """
    limit = math.ceil(min(max(seconds, 0.0), MAX_SECONDS) * RATE)
    data = sound.read()
    av = load_av(sound.name)
    parts, count = [_silence(0)], 0
    try:
        with av.open(io.BytesIO(data), format=FORMATS[sound.kind], metadata_errors="ignore") as container:
            longest_silence = len(data) * _SECONDS_PER_BYTE
            for part in _decoded(av, container, _audio_stream(container, sound), sound.name, limit, longest_silence):
                check()
                if count // _MEMORY_CHECK < (count + len(part)) // _MEMORY_CHECK:
                    check_memory(2 * (count + len(part)) * _SAMPLE_BYTES, sound.name, "use a shorter sound")
                parts.append(part)
                count += len(part)
                if count >= limit:
                    break
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(sound.name, f"is damaged, or not a sound ({error})", _REMEDY) from error
    if count == 0 and limit > 0:
        raise InputError(sound.name, "has no samples of sound", _REMEDY)
    return np.concatenate(parts)[:limit]


def load_av(subject: str) -> Any:
    """Import PyAV; raise InputError if it is missing."""
    try:
        import av  # noqa: PLC0415 - a video without sound does not need it
    except ImportError as error:
        raise InputError(subject, "sound needs the package av", "pip install av") from error
    return av


def _audio_stream(container: Any, sound: VideoSound) -> Any:
    if not container.streams.audio:
        raise InputError(sound.name, "has no sound", _REMEDY)
    stream = container.streams.audio[0]
    context = stream.codec_context
    known = ("opus", "libopus") if sound.kind == OPUS else _CODECS
    if context.name not in known and not (context.name.startswith("pcm_") and sound.kind == ".wav"):
        raise InputError(sound.name, f"has the codec {context.name}, which {sound.kind} files may not have", _REMEDY)
    _check_limits(sound.name, context.channels, context.sample_rate)
    return stream


def _check_limits(name: str, channels: int, rate: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(name, f"has {channels} channels; 1 to {MAX_CHANNELS} are supported")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(name, f"has {rate} samples per second; {MIN_RATE} to {MAX_RATE} are supported")


def _decoded(av: Any, container: Any, stream: Any, name: str, limit: int, silence: float) -> Iterator[Samples]:
    """Yield the samples of a stream. Where a damaged part was left out there is silence, so that the rest stays in time.

    No part is longer than `limit` samples. `silence` is the greatest sum of it, seconds. A longer one comes from a damaged
    clock, and would take memory for nothing.
    """
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE)
    start, passed = None, 0.0  # seconds of the file's clock, and of what was decoded
    for frame in container.decode(stream):
        _check_limits(name, len(frame.layout.channels), frame.sample_rate)
        time = passed if frame.time is None else frame.time - (start := frame.time if start is None else start)
        if time > passed + _GAP:
            silence -= time - passed
            if silence < 0:
                raise InputError(name, "is damaged: the times in it leave out more than its bytes can hold", _REMEDY)
            yield _silence(min(round((time - passed) * RATE), limit))
            passed = time
        passed += frame.samples / frame.sample_rate
        yield from map(_samples, resampler.resample(frame))
    yield from map(_samples, resampler.resample(None))


def _silence(count: int) -> Samples:
    return np.zeros((count, CHANNELS), np.int16)


def _samples(frame: Any) -> Samples:
    return np.asarray(frame.to_ndarray(), np.int16).reshape(-1, CHANNELS)
