"""The color pass: color the samples that a round of the density pass kept, and add them to a tile's sums."""

from __future__ import annotations

import logging
from typing import Protocol

import moderngl

from common.errors import InputError
from model.config import ModelConfig
from renderer.opengl.context import is_software
from renderer.opengl.frame import OpenGLFrame
from renderer.opengl.programs import ComputeProgram, Definitions, Program
from renderer.opengl.targets import MAX_KEPT, TileTargets
from renderer.opengl.tiles import blocks

_log = logging.getLogger(__name__)

PART_SIDE = 256
"""Pixels along a side of the part of a tile whose samples are listed at once."""

INPUT_BYTES = 96
"""Bytes of a sample's inputs (shaders/opengl/render_buffers.glsl)."""

SCATTER_GROUPS, COLOR_GROUPS = 12, 24
"""Byte offsets of the numbers of work groups in the buffer of counters."""


class ColorPass(Protocol):
    """One way to color the kept samples."""

    def set(self, **uniforms: object) -> None:
        """Set uniforms of all programs."""

    def draw(self, frame: OpenGLFrame, targets: TileTargets, turn: int, size: tuple[int, int]) -> None:
        """Add the samples of a round to `targets.sums`, the current framebuffer; `size` is the tile's, in pixels."""


def create_color_pass(
    context: moderngl.Context, config: ModelConfig, definitions: Definitions, grouped: bool | None
) -> ColorPass:
    """Return the color pass with compute shaders, or the one with fragment shaders; see `uses_compute`.

    Args:
        context: the renderer's context.
        config: hyper-parameters of the videos.
        definitions: preprocessor symbols of the shaders.
        grouped: whether to use compute shaders; None does so where it is faster.
    """
    if not uses_compute(context, grouped):
        return FragmentColorPass(context, definitions)
    try:
        return GroupedColorPass(context, config, definitions)
    except InputError as error:
        if grouped:
            raise
        _log.warning("the color pass uses fragment shaders, because %s", error)
        return FragmentColorPass(context, definitions)


def has_compute(context: moderngl.Context) -> bool:
    """Return whether the context has compute shaders."""
    return context.version_code >= 430


def uses_compute(context: moderngl.Context, grouped: bool | None) -> bool:
    """Return whether compute shaders color the samples.

    Args:
        context: the renderer's context.
        grouped: what is asked for. None takes compute shaders where a graphics card has them: drivers in software need two to
            three times as long with them as with fragment shaders.
    """
    return has_compute(context) and not is_software(context) if grouped is None else grouped


class FragmentColorPass:
    """One fragment colors the samples of one ray, and fetches the weights of each sample's heads."""

    def __init__(self, context: moderngl.Context, definitions: Definitions) -> None:
        self._program = Program(context, "color_pass.frag", definitions)

    def set(self, **uniforms: object) -> None:
        """Set uniforms."""
        self._program.set(**uniforms)

    def draw(self, frame: OpenGLFrame, targets: TileTargets, turn: int, size: tuple[int, int]) -> None:
        """Add the samples of a round to the sums."""
        self._program.bind(**frame.textures.as_dict(), **targets.kept_samples(turn))
        self._program.draw()


class GroupedColorPass:
    """Compute shaders sort the samples by head, so that up to 64 samples share one fetch of a head's weights."""

    def __init__(self, context: moderngl.Context, config: ModelConfig, definitions: Definitions) -> None:
        self._context = context
        self._list = ComputeProgram(context, "list_samples.comp", definitions)
        self._scan = ComputeProgram(context, "scan_heads.comp", definitions)
        self._scatter = ComputeProgram(context, "scatter_heads.comp", definitions)
        self._color = ComputeProgram(context, "color_pass.comp", definitions)
        self._composite = Program(context, "composite.frag", definitions)
        keys = len(config.mlp_planes) * config.color_map_resolution**2
        self._scan.set(num_keys=keys)
        items = len(config.mlp_planes) * (4 if definitions["BILINEAR"] else 1)
        self.part_side = part_side(int(context.info["GL_MAX_SHADER_STORAGE_BLOCK_SIZE"]), items)
        samples = MAX_KEPT * self.part_side**2
        tiles = samples * items // 64 + keys
        self._sizes = (8 * keys, 16 * tiles, 16 * samples, INPUT_BYTES * samples, 4 * samples * items, 16 * samples * items)

    def set(self, **uniforms: object) -> None:
        """Set uniforms."""
        for program in (self._list, self._scatter, self._color, self._composite):
            program.set(**uniforms)

    def draw(self, frame: OpenGLFrame, targets: TileTargets, turn: int, size: tuple[int, int]) -> None:
        """Add the samples of a round to the sums, one part of the tile after the other."""
        targets.samples.bind(*self._sizes)
        for part in blocks(*size, self.part_side):
            self._color_samples(frame, targets, turn, part)
            self._context.scissor = (part[0], part[1], part[2] - part[0], part[3] - part[1])
            self._composite.bind(**targets.kept_samples(turn), first_samples=targets.first_samples)
            self._composite.draw()
            self._context.memory_barrier()  # the next part overwrites what this draw reads
        self._context.scissor = None

    def _color_samples(self, frame: OpenGLFrame, targets: TileTargets, turn: int, part: tuple[int, int, int, int]) -> None:
        textures, counters = frame.textures.as_dict(), targets.samples.counters
        targets.first_samples.bind_to_image(0, read=False, write=True)
        self._list.bind(**targets.kept_samples(turn))
        self._list.set(part=part)
        self._list.run(-(-(part[2] - part[0]) // 8), -(-(part[3] - part[1]) // 8))
        self._scan.run(1)
        self._scatter.bind(**textures)
        self._scatter.run_indirect(counters, SCATTER_GROUPS)
        self._color.bind(**textures)
        self._color.run_indirect(counters, COLOR_GROUPS)


def part_side(block_bytes: int, items: int) -> int:
    """Return the pixels along a side of the parts of a tile, so that a part's buffers fit the driver's limit.

    Args:
        block_bytes: largest buffer that a shader can use.
        items: heads that color a sample.
    """
    side, pixel_bytes = PART_SIDE, MAX_KEPT * max(INPUT_BYTES, 16 * items)
    while side > 16 and side * side * pixel_bytes > block_bytes:
        side //= 2
    return side
