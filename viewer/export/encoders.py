"""Video encoders: which ones work on this machine, and each one's options for constant quality without delay."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from common.errors import InputError
from viewer.export.scheduling import unchanged_scheduling

_log = logging.getLogger(__name__)

DEFAULT_QUALITY = 12
"""Constant quality that is hard to tell from the original; 0 is best, 51 worst (the scale of x264's crf)."""


@dataclass(frozen=True)
class Encoder:
    """One encoder of the video library and its settings."""

    name: str
    """Name in FFmpeg."""
    pixel_format: str = "yuv420p"
    """Pixel format of its input."""
    quality_scale: float = 1.0
    """Its worst quality value, divided by 51, the worst of x264."""
    quality_option: str = "crf"
    """Name of the quality option."""
    options: tuple[tuple[str, str], ...] = ()
    """Other options. They stop the encoder from holding frames back, so that a crash loses none."""
    live_options: tuple[tuple[str, str], ...] = ()
    """Options that replace those of the same name when speed matters more than size."""


_X264 = Encoder("libx264", options=(("preset", "medium"), ("tune", "zerolatency")), live_options=(("preset", "ultrafast"),))
_X265 = Encoder("libx265", options=(("preset", "fast"), ("tune", "zerolatency"), ("x265-params", "log-level=none")))
_SVT_AV1 = Encoder("libsvtav1", quality_scale=63 / 51, options=(("preset", "8"), ("svtav1-params", "pred-struct=1:rc=0")))
_VP9_OPTIONS = (
    ("b", "0"),
    ("deadline", "good"),
    ("cpu-used", "4"),
    ("row-mt", "1"),
    ("lag-in-frames", "0"),
    ("auto-alt-ref", "0"),
)
_VP9_LIVE_OPTIONS = (("deadline", "realtime"), ("cpu-used", "8"))
_NVENC_OPTIONS = (("preset", "p5"), ("rc", "vbr"), ("b", "0"), ("bf", "0"), ("delay", "0"), ("zerolatency", "1"))

ENCODERS: dict[str, tuple[Encoder, ...]] = {
    "h264": (Encoder("h264_nvenc", quality_option="cq", options=_NVENC_OPTIONS), _X264),
    "hevc": (Encoder("hevc_nvenc", quality_option="cq", options=_NVENC_OPTIONS), _X265),
    "av1": (Encoder("av1_nvenc", quality_scale=63 / 51, quality_option="cq", options=_NVENC_OPTIONS), _SVT_AV1),
    "vp9": (Encoder("libvpx-vp9", "yuv420p", 63 / 51, "crf", _VP9_OPTIONS, _VP9_LIVE_OPTIONS),),
    "vp9-alpha": (Encoder("libvpx-vp9", "yuva420p", 63 / 51, "crf", _VP9_OPTIONS, _VP9_LIVE_OPTIONS),),
}
"""Encoders of each codec, best first. The first one that opens is used."""


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


def choose_encoder(codec: str, width: int, height: int, fps: Fraction) -> Encoder:
    """Return the first encoder of a codec that opens for this size and rate.

    Raises:
        InputError: the codec is unknown, or none of its encoders opens.
    """
    if codec not in ENCODERS:
        raise InputError(f"codec {codec}", "is unknown", f"choose one of {', '.join(ENCODERS)}")
    for encoder in ENCODERS[codec]:
        if _opens(encoder, width, height, fps):
            _log.info("%s encodes %s at %dx%d", encoder.name, codec, width, height)
            return encoder
        _log.debug("the encoder %s does not open", encoder.name)
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
