"""Check the options of a recording that programs pass, before anything is rendered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from common.arguments import checked_kind, checked_number, checked_numbers, checked_whole, shown
from common.errors import InputError
from model.camera import checked_size
from renderer.backend import RenderSettings
from viewer.export.projection import Projection
from viewer.export.record_options import RecordOptions
from viewer.export.video_sink import exact_rate
from viewer.settings import DisplaySettings

BEST_QUALITY, WORST_QUALITY = 0, 51
"""Range of the quality of a video."""

MAX_SUPERSAMPLING = 8
"""Largest multiple of the size at which images are rendered."""


def checked_options(options: RecordOptions) -> RecordOptions:
    """Return options whose values have their types and are in range, whatever the video; 512.0 becomes 512.

    Raises:
        InputError: a value is of a wrong type or out of range.
    """
    for value, kind, name in (
        (options.display, DisplaySettings, "display"),
        (options.projection, Projection, "projection"),
        (options.settings, RenderSettings, "settings"),
    ):
        checked_kind(value, kind, name, f"of the class {kind.__name__}")
    for text, name in ((options.codec, "codec"), (options.image_format, "image format")):
        if text is not None and not (isinstance(text, str) and text):
            raise InputError(name, f"must be a name, not {shown(text)}")
    if options.up is not None and not any(checked_numbers(options.up, "up", 3, "a direction of three numbers")):
        raise InputError("up", "must be a direction of three numbers, not all 0")
    if not BEST_QUALITY <= checked_number(options.quality, "quality") <= WORST_QUALITY:
        raise InputError(f"quality {options.quality:g}", f"must be {BEST_QUALITY} (best) to {WORST_QUALITY}")
    for flag, name in ((options.transparent, "transparent"), (options.values, "values")):
        if not isinstance(flag, bool | int | np.bool_):
            raise InputError(name, f"must be True or False, not {shown(flag)}")
    fps = None if options.fps is None else checked_number(options.fps, "frame rate", "a number of frames per second")
    if fps is not None:
        exact_rate(fps)
    if options.seconds is not None:
        checked_number(options.seconds, "length", "a positive number of seconds")
    return replace(
        options,
        fps=fps,
        size=None if options.size is None else checked_size(options.size),
        frames=None if options.frames is None else _checked_frames(options.frames),
        supersampling=checked_whole(options.supersampling, "supersampling", 1, MAX_SUPERSAMPLING),
    )


def _checked_frames(frames: object) -> tuple[int, int]:
    wanted = "two whole numbers A, B: frames A to B - 1"
    numbers = checked_numbers(frames, "frames", 2, wanted)
    if not all(number.is_integer() for number in numbers):
        raise InputError("frames", f"must be {wanted}, not {shown(frames)}")
    return int(numbers[0]), int(numbers[1])
