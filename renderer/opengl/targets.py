"""The textures that the passes of a tile write."""

from __future__ import annotations

import moderngl

from renderer.opengl.tiles import MAX_SIDE

MAX_KEPT = 8
"""Samples that a ray keeps in a round (shaders/opengl/density_pass.frag), two per texture."""


COUNTERS_BYTES = 36
"""Size of the counters (shaders/opengl/render_buffers.glsl)."""


class SampleBuffers:
    """The buffers of `GroupedColorPass`. Videos of all configs share them, so they have the size of the largest need so far."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._buffers = [context.buffer(bytes(COUNTERS_BYTES))]

    @property
    def counters(self) -> moderngl.Buffer:
        """The buffer with the numbers of samples, tiles and work groups."""
        return self._buffers[0]

    @property
    def tiles(self) -> moderngl.Buffer:
        """The buffer with the tiles of the color pass."""
        return self._buffers[2]

    def bind(self, *sizes: int) -> None:
        """Bind the counters and then buffers of at least these sizes, bytes; the first of them starts with zeros."""
        for index, size in enumerate(sizes, 1):
            if index < len(self._buffers) and self._buffers[index].size >= size:
                continue
            self._buffers[index : index + 1] = [self._buffer(size, zeros=index == 1)]
        for binding, buffer in enumerate(self._buffers):
            buffer.bind_to_storage_buffer(binding)

    def _buffer(self, size: int, zeros: bool) -> moderngl.Buffer:
        return self._context.buffer(bytes(size)) if zeros else self._context.buffer(reserve=size)


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
        self.samples = SampleBuffers(context)
        self.density = [context.framebuffer([*self.kept, state]) for state in self.rounds]
        self.color = context.framebuffer(self.sums)

    def kept_samples(self, turn: int) -> dict[str, moderngl.Texture]:
        """Return what a round of the density pass wrote, by the names of the samplers."""
        return dict(zip(("kept01", "kept23", "kept45", "kept67", "round"), (*self.kept, self.rounds[turn % 2]), strict=True))
