"""The textures that the passes of a tile write."""

from __future__ import annotations

import moderngl

from renderer.opengl.tiles import MAX_SIDE

MAX_KEPT = 8
"""Samples that a ray keeps in a round (shaders/opengl/density_pass.frag), two per texture."""


class TileTargets:
    """The textures that the passes of a tile write, large enough for any tile."""

    def __init__(self, context: moderngl.Context) -> None:
        def texture(components: int = 4, dtype: str = "f4") -> moderngl.Texture:
            made = context.texture((MAX_SIDE, MAX_SIDE), components, dtype=dtype)
            made.filter = (moderngl.NEAREST, moderngl.NEAREST)
            return made

        self.kept = [texture() for _ in range(MAX_KEPT // 2)]
        self.rounds = [texture(), texture()]
        self.sums = [texture(), texture()]
        self.first_samples = texture(1, "u4")
        """Where the samples of a pixel begin in the list of `GroupedColorPass`."""
        self.density = [context.framebuffer([*self.kept, state]) for state in self.rounds]
        self.color = context.framebuffer(self.sums)

    def kept_samples(self, turn: int) -> dict[str, moderngl.Texture]:
        """Return what a round of the density pass wrote, by the names of the samplers."""
        return dict(zip(("kept01", "kept23", "kept45", "kept67", "round"), (*self.kept, self.rounds[turn % 2]), strict=True))
