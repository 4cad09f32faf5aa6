"""Measure images on the graphics card for legends and comparisons, so that their pixels need not be read back."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from renderer.backend import SURFACE_OPACITY
from renderer.opengl.programs import Program

SUMMARY_CELLS = 64
"""Cells along each side of the image that become a pixel of its summary."""

ERROR_CELLS = 32
"""Cells along each side of the images whose differences are added up first."""


class ImageSummaries:
    """Reduces images to what their legends need.

    Args:
        context: the renderer's context; current in the calling thread whenever a method is called.
    """

    def __init__(self, context: moderngl.Context) -> None:
        symbols = {"CELLS": SUMMARY_CELLS, "SURFACE_PERCENT": round(100 * SURFACE_OPACITY)}
        self._program = Program(context, "summary.frag", symbols)
        self._texture = context.texture((SUMMARY_CELLS, SUMMARY_CELLS), 4, dtype="f4")
        self._target = context.framebuffer([self._texture])

    def of(self, **textures: moderngl.Texture) -> NDArray[np.float32]:
        """Return (cells, 3): the depth of the surface or 0, and the most samples of both passes; wait for the card.

        Args:
            textures: `rgba`, `depth` and `counts` of an image.
        """
        self._target.use()
        self._program.bind(**textures)
        self._program.draw()
        return np.frombuffer(self._texture.read(), np.float32).reshape(-1, 4)[:, :3]


class SquaredErrors:
    """Compares the colors of two images.

    Args:
        context: the renderer's context; current in the calling thread whenever a method is called.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._programs = [
            Program(context, "squared_error.frag", {"CELLS": ERROR_CELLS, "OVER_CELLS": over_cells}) for over_cells in (0, 1)
        ]
        self._cells, self._sum = (context.texture((side, side), 1, dtype="f4") for side in (ERROR_CELLS, 1))
        self._targets = [context.framebuffer([texture]) for texture in (self._cells, self._sum)]

    def mean(self, first: moderngl.Texture, second: moderngl.Texture) -> float:
        """Return the mean squared difference of the colors over black of two images of one size; wait for the card."""
        for target, program, images in zip(self._targets, self._programs, ((first, second), (self._cells,) * 2), strict=True):
            target.use()
            program.bind(first=images[0], second=images[1])
            program.draw()
        width, height = first.size
        return float(np.frombuffer(self._sum.read(), np.float32)[0]) / (3 * width * height)
