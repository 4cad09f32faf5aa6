"""The codecs of video files: their names, their containers, and the encoders that write them."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Codec:
    """A codec and what writes it."""

    label: str
    """Its name for the user."""
    suffixes: tuple[str, ...]
    """Suffixes of the containers that support it; the recording dialog offers the first one."""
    encoders: tuple[Encoder, ...]
    """Best first. The first one that opens is used."""
    transparent_encoders: tuple[Encoder, ...] = ()
    """Those that keep the opacity, best first; empty if the codec has no transparency."""


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
_X264_OPTIONS = (("preset", "medium"), ("tune", "zerolatency"))
_X265_OPTIONS = (("preset", "fast"), ("tune", "zerolatency"), ("x265-params", "log-level=none"))
_SVT_AV1_OPTIONS = (("preset", "8"), ("svtav1-params", "pred-struct=1:rc=0"))

CODECS = {
    "h264": Codec(
        "H.264",
        (".mp4",),
        (
            Encoder("h264_nvenc", quality_option="cq", options=_NVENC_OPTIONS),
            Encoder("libx264", options=_X264_OPTIONS, live_options=(("preset", "ultrafast"),)),
        ),
    ),
    "hevc": Codec(
        "HEVC",
        (".mp4",),
        (
            Encoder("hevc_nvenc", quality_option="cq", options=_NVENC_OPTIONS),
            Encoder("libx265", options=_X265_OPTIONS),
        ),
    ),
    "vp9": Codec(
        "VP9",
        (".webm",),
        (Encoder("libvpx-vp9", "yuv420p", 63 / 51, "crf", _VP9_OPTIONS, _VP9_LIVE_OPTIONS),),
        (Encoder("libvpx-vp9", "yuva420p", 63 / 51, "crf", _VP9_OPTIONS, _VP9_LIVE_OPTIONS),),
    ),
    "av1": Codec(
        "AV1",
        (".mp4", ".webm"),
        (
            Encoder("av1_nvenc", quality_scale=63 / 51, quality_option="cq", options=_NVENC_OPTIONS),
            Encoder("libsvtav1", quality_scale=63 / 51, options=_SVT_AV1_OPTIONS),
        ),
    ),
}
"""The codecs. The first one that a container supports is its default."""


def codecs_of(suffix: str) -> list[str]:
    """Return the names of the codecs that the container of a suffix supports, its default first."""
    return [name for name, codec in CODECS.items() if suffix in codec.suffixes]
