"""The image score that all parts of the project use: PSNR."""

from __future__ import annotations

import math

MIN_SQUARED_ERROR = 1e-10
"""Mean squared errors count as at least this, so that equal images score 100 dB. Infinity would turn the mean over many images
into infinity and is not valid JSON. The floor is far below the rounding error of 8-bit images, which is at 59 dB."""


def psnr(squared_error: float) -> float:
    """Return the peak signal-to-noise ratio in dB of a mean squared error of colors from 0 to 1; at most 100."""
    return -10.0 * math.log10(max(squared_error, MIN_SQUARED_ERROR))
