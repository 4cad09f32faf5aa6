"""Video encoders: which ones work on this machine, and each one's options for constant quality without delay."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from functools import lru_cache
from typing import Any

from common.errors import InputError
from common.installation import is_installed
from viewer.codecs import CODECS, Encoder
from viewer.export.scheduling import unchanged_scheduling

_log = logging.getLogger(__name__)

DEFAULT_QUALITY = 12
"""Constant quality that is hard to tell from the original; 0 is best, 51 worst (the scale of x264's crf)."""


def has_av() -> bool:
    """Return whether PyAV is installed, without loading it."""
    return is_installed("av")


def load_av(subject: str) -> Any:
    """Import PyAV, which is optional; raise InputError if it is missing."""
    try:
        os.environ.setdefault("SVT_LOG", "1")  # otherwise the AV1 encoder prints a page of information
        import av  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise InputError(
            subject, "recording video needs the package av", "pip install av, or give a folder for PNG images"
        ) from error
    return av


def choose_encoder(codec: str, width: int, height: int, fps: Fraction, transparent: bool = False) -> Encoder:
    """Return the first encoder of a codec that opens for this size and rate, and keeps the opacity if `transparent`.

    Raises:
        InputError: the codec is unknown, or none of its encoders opens.
    """
    if codec not in CODECS:
        raise InputError(f"codec {codec}", "is unknown", f"choose one of {', '.join(CODECS)}")
    for encoder in CODECS[codec].transparent_encoders if transparent else CODECS[codec].encoders:
        if _opens(encoder, width, height, fps):
            _log.info("%s encodes %s at %dx%d", encoder.name, codec, width, height)
            return encoder
        _log.debug("the encoder %s cannot be opened", encoder.name)
    raise InputError(
        f"codec {codec}", f"cannot be encoded at {width}x{height} on this machine", "choose another codec or PNG images"
    )


def encoder_options(encoder: Encoder, quality: float, live: bool = False) -> dict[str, str]:
    """Return FFmpeg's options for a constant quality from 0 (best) to 51; `live` prefers speed to size."""
    speed = dict(encoder.live_options) if live else {}
    return {**dict(encoder.options), **speed, encoder.quality_option: str(round(quality * encoder.quality_scale))}


def configure(context: Any, encoder: Encoder, width: int, height: int, fps: Fraction) -> None:
    """Set size, rate and color tags of a codec context: BT.709, limited range; a key frame at least every second."""
    context.width, context.height = width, height
    context.pix_fmt = encoder.pixel_format
    context.framerate, context.time_base = fps, 1 / fps
    context.gop_size = max(1, round(fps))
    context.max_b_frames = 0
    context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709 in the tables of ITU-T H.273
    context.color_range = 1  # limited (16 to 235)


@lru_cache(maxsize=64)
def _opens(encoder: Encoder, width: int, height: int, fps: Fraction) -> bool:
    av = load_av(encoder.name)
    level = av.logging.get_level()
    av.logging.set_level(av.logging.PANIC)  # a missing graphics driver is expected, and not worth a message
    try:
        context = av.CodecContext.create(encoder.name, "w")
        configure(context, encoder, width, height, fps)
        context.options = encoder_options(encoder, DEFAULT_QUALITY)
        with unchanged_scheduling():
            context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    finally:
        av.logging.set_level(level)
    return True
