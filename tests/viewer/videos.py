"""Recorded videos, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def decode(path: Path) -> list[np.ndarray]:
    """Return all frames, (H, W, 3) uint8, converted by the tags in the file with exact rounding."""
    av = pytest.importorskip("av")
    flags = av.video.reformatter.Interpolation
    exact = flags.BICUBIC | flags.ACCURATE_RND | flags.FULL_CHR_H_INT | flags.FULL_CHR_H_INP
    with av.open(str(path)) as container:
        return [frame.reformat(format="rgb24", interpolation=exact).to_ndarray() for frame in container.decode(video=0)]
