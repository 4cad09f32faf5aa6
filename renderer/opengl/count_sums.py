"""Add up the samples of an image on the graphics card, so that its counts need not be read back for the statistics."""

from __future__ import annotations

import moderngl
import numpy as np

from renderer.opengl.programs import Program

CELLS = 32
"""Cells along each side of the image that are added up first."""


class CountSums:
    """Adds up textures of counts.

    Args:
        context: the renderer's context; current in the calling thread whenever a method is called.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._of_pixels, self._of_cells = (
            Program(context, "sum_counts.frag", {"CELLS": CELLS, "OVER_CELLS": over_cells}) for over_cells in (0, 1)
        )
        self._cells = context.texture((CELLS, CELLS), 4, dtype="u4")
        self._total = context.texture((1, 1), 4, dtype="u4")
        for texture in (self._cells, self._total):
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)  # other filters make textures of integers unreadable
        self._targets = [context.framebuffer([texture]) for texture in (self._cells, self._total)]

    def total(self, counts: moderngl.Texture) -> tuple[int, int]:
        """Return the total samples of the density pass and of the color pass; wait for the card."""
        for target, program, source in zip(
            self._targets, (self._of_pixels, self._of_cells), (counts, self._cells), strict=True
        ):
            target.use()
            program.bind(counts=source)
            program.draw()
        sums = np.frombuffer(self._total.read(), np.uint32).astype(np.int64)
        density, color = (sums[:2] + (sums[2:] << 16)).tolist()
        return density, color
