"""Render the same views with the kernels' PTX and with the emulation of their sources, and compare the images."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from renderer.cuda.frame import CudaFrame
from renderer.cuda.image import CudaImage
from renderer.cuda.renderer import CudaRenderer
from tests.factories import make_camera
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.ptx.gpu import PtxDriver, load_ptx, load_separate_ptx
from tests.renderer.cuda.small_videos import small_video

ARCHITECTURES = ("75", "86", "90", "100", "120")
"""From the first architecture with tensor cores for halves to the newest. NVRTC writes different code for each."""

WIDTH, HEIGHT, TIME = 12, 8, 1.3

FEW_HEADS = {"color_map_resolution": 2}
"""Fewer color heads than in other tests. Fewer samples per ray would have more weight each, and rounding more effect."""

FUSED_TOLERANCE = 2.0**-11
"""Colors, and depths in meters, when NVRTC fuses products and sums, which a C++ compiler does not.

A blending weight that lies half way between two halves may then be rounded to the other one: by 2^-11 of its value.
"""

MATRIX_TOLERANCE = 1e-4
"""Colors, when nothing is fused: tensor cores sum products in another order than the emulation.

Between two layers, these sums are rounded to halves, and one of them may be rounded to the other half.

Without tensor cores, all colors, depths and counts then have to be equal bit by bit.
"""


@dataclass(frozen=True)
class Comparison:
    """The differences between a view rendered by PTX and the same view rendered by the emulation."""

    color: float
    """Greatest difference of a color or opacity."""
    depth: float
    """Greatest difference, meters."""
    counts: float
    """Share of pixels with other numbers of samples."""
    samples: int
    """Kept samples of the image by PTX."""
    fragments_equal: bool
    """Whether the color heads have the same bits in tensor core order."""
    tolerance: float
    """Greatest difference of equal images, see `FUSED_TOLERANCE` and `MATRIX_TOLERANCE`."""
    instructions: int
    """Instructions that threads executed."""
    seconds: float
    """Time of the view by PTX."""

    @property
    def equal(self) -> bool:
        """Whether both views are equal up to the rounding of fused operations, and not empty."""
        close = max(self.color, self.depth) <= self.tolerance
        return close and self.counts == 0 and self.samples > 0 and self.fragments_equal


def _render(
    driver: EmulatedDriver, tensor_cores: bool, overrides: Mapping[str, Any], fused: bool = True
) -> tuple[CudaFrame, CudaImage]:
    with patch("renderer.cuda.renderer.load_program", load_ptx if fused else load_separate_ptx):
        renderer = CudaRenderer(driver, tensor_cores=tensor_cores)
    frame = renderer.prepare(small_video(**{**FEW_HEADS, **overrides}), TIME)
    return frame, renderer.render(frame, make_camera(WIDTH, HEIGHT, azimuth=1.0))


def compare(
    architecture: str, overrides: Mapping[str, Any], tensor_cores: bool, seed: int | None, fused: bool = False
) -> Comparison:
    """Render a view twice.

    Args:
        architecture: a number such as "86".
        overrides: changes of the video's configuration, as in `small_video`.
        tensor_cores: whether the color pass uses them.
        seed: seed of the random schedule of the PTX; None runs all warps in step.
        fused: whether the compiler fuses products and sums, as it does for users.

    Raises:
        AssertionError: a kernel did something wrong.
        UnknownPtxError: the compiler wrote an instruction that is not known.
    """
    start = clock.perf_counter()
    driver = PtxDriver(architecture, seed)
    frame, image = _render(driver, tensor_cores, overrides, fused)
    seconds = clock.perf_counter() - start
    wanted_frame, wanted = _render(EmulatedDriver(), tensor_cores, overrides)
    return Comparison(
        color=float(np.abs(image.rgba - wanted.rgba).max()),
        depth=float(np.abs(image.depth - wanted.depth).max()),
        counts=float((image.counts != wanted.counts).any(-1).mean()),
        samples=image.statistics.color_samples,
        fragments_equal=torch.equal(frame.tensors["head_fragments"], wanted_frame.tensors["head_fragments"]),
        tolerance=FUSED_TOLERANCE if fused else MATRIX_TOLERANCE if tensor_cores else 0.0,
        instructions=sum(counts.instructions for counts in driver.processor.counts.values()),
        seconds=seconds,
    )
