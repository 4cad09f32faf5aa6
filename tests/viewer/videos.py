"""Recorded videos, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def decode(path: Path) -> list[np.ndarray]:
    """Return all frames, (H, W, 3) uint8, converted by the tags in the file with exact rounding."""
    av = pytest.importorskip("av")
    exact = 0x4 | 0x2000 | 0x4000 | 0x40000  # SWS_BICUBIC, SWS_FULL_CHR_H_INT, SWS_FULL_CHR_H_INP, SWS_ACCURATE_RND
    with av.open(str(path)) as container:
        return [frame.reformat(format="rgb24", interpolation=exact).to_ndarray() for frame in container.decode(video=0)]
