"""Render a tile in rounds: the density pass lists the kept samples, the color pass shades them, until every ray has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import moderngl

from model.config import PLANE_AXES, PLANES, ModelConfig
from model.hash_levels import hash_levels
from renderer.backend import Region
from renderer.baked import density_planes
from renderer.opengl.atlas import Atlas
from renderer.opengl.color_pass import create_color_pass
from renderer.opengl.frame import OpenGLFrame
from renderer.opengl.programs import Program
from renderer.opengl.targets import TileTargets
from renderer.opengl.tiles import MAX_SIDE


@dataclass
class PassTimes:
    """Milliseconds that the graphics card spent."""

    density_ms: float = 0.0
    """In the density pass."""
    color_ms: float = 0.0
    """In the color pass."""


@dataclass(frozen=True)
class RenderOptions:
    """How the shaders compute; the defaults are for users, the others for tests and benchmarks."""

    rounded_weights: bool = False
    """Filter textures as graphics cards do, with weights of 8 bits. Drivers in software filter with floats."""
    grouped: bool | None = None
    """Sort the samples by head with compute shaders before they are colored. None does so where a graphics card can."""


class RenderPasses:
    """The programs of the render passes for videos of one config.

    Args:
        context: the renderer's context; current in the calling thread whenever a method is called.
        config: hyper-parameters of the videos.
        atlas: the places of the hash levels.
        options: how the shaders compute.
    """

    def __init__(
        self, context: moderngl.Context, config: ModelConfig, atlas: Atlas, options: RenderOptions = RenderOptions()
    ) -> None:
        self._context = context
        definitions = shader_definitions(config, options)
        if atlas.piece_cells:
            definitions["PIECE_CELLS"] = atlas.piece_cells
        self._density = Program(context, "density_pass.frag", definitions)
        self.color_pass = create_color_pass(context, config, definitions, options.grouped)
        self._resolve = Program(context, "resolve.frag", {})
        self._query = context.query(samples=True, time=True)
        for program in (self._density, self.color_pass):
            program.set(**config_uniforms(config, atlas))

    def begin(self, frame: OpenGLFrame, view: dict[str, object]) -> None:
        """Set the uniforms that are the same for all tiles of a view."""
        grid, feature, density = frame.scales
        scales = {"grid_scale": grid, "feature_scale": feature, "density_scale": density}
        for program in (self._density, self.color_pass, self._resolve):
            program.set(**scales, **view)

    def render(
        self, frame: OpenGLFrame, targets: TileTargets, size: tuple[int, int], pixel_to_world: bytes, check: Callable[[], None]
    ) -> PassTimes:
        """Render a tile's sums.

        Args:
            frame: the frame.
            targets: the textures to write; its `sums` are the result.
            size: width and height of the tile, pixels.
            pixel_to_world: the matrix of the tile's pixels, column by column, float32.
            check: called between draw calls; what it raises ends the render.
        """
        times, viewport = PassTimes(), (0, 0, *size)
        targets.color.viewport = viewport
        targets.color.clear(viewport=viewport)
        for program in (self._density, self.color_pass):
            program.set(pixel_to_world=pixel_to_world)
        turn = 0
        while self._density_round(frame, targets, turn, viewport, times):
            check()
            self._color_round(frame, targets, turn, size, times)
            turn += 1
        return times

    def _density_round(
        self, frame: OpenGLFrame, targets: TileTargets, turn: int, viewport: tuple[int, int, int, int], times: PassTimes
    ) -> bool:
        """Continue marching the rays. Return whether any ray was left."""
        target = targets.density[turn % 2]
        target.viewport = viewport
        target.use()
        target.clear(viewport=viewport)
        self._context.disable(moderngl.BLEND)
        self._density.bind(**frame.textures.as_dict(), previous_round=targets.rounds[(turn + 1) % 2])
        self._density.set(first_round=turn == 0)
        with self._query:
            self._density.draw()
        times.density_ms += self._query.elapsed / 1e6
        return bool(self._query.samples)

    def _color_round(
        self, frame: OpenGLFrame, targets: TileTargets, turn: int, size: tuple[int, int], times: PassTimes
    ) -> None:
        """Color the samples that the round kept, and add them to the sums."""
        targets.color.use()
        self._context.enable(moderngl.BLEND)
        self._context.blend_func = moderngl.ONE, moderngl.ONE
        with self._query:
            self.color_pass.draw(frame, targets, turn, size)
        times.color_ms += self._query.elapsed / 1e6
        self._context.disable(moderngl.BLEND)

    def resolve(self, targets: TileTargets, image: moderngl.Framebuffer, tile: Region, pixel_to_world: bytes) -> None:
        """Write a tile's pixels into the image."""
        x0, y0, x1, y1 = tile
        image.use()
        image.viewport = (x0, y0, x1 - x0, y1 - y0)
        self._resolve.bind(rgba_sum=targets.sums[0], other_sums=targets.sums[1])
        self._resolve.set(tile_corner=(x0, y0), pixel_to_world=pixel_to_world)
        self._resolve.draw()


def shader_definitions(config: ModelConfig, options: RenderOptions) -> dict[str, int]:
    """Return the preprocessor symbols of the render passes."""
    return {
        "LEVELS": config.hash.num_levels,
        "FEATURES_PER_LEVEL": config.hash.features_per_level,
        "MLP_PLANES": len(config.mlp_planes),
        "VIEW_CHANNELS": config.view_channels,
        "BILINEAR": int(config.assignment == "bilinear" and config.color_map_resolution > 1),
        "ROUNDED_WEIGHTS": int(options.rounded_weights),
        "TILE_SIDE": MAX_SIDE,
    }


def config_uniforms(config: ModelConfig, atlas: Atlas) -> dict[str, object]:
    """Return the uniforms that are the same for all frames of a config."""
    levels = [
        (level.scale, float(level.resolution - 2), float(place.x), float(place.y))
        for level, place in zip(hash_levels(config.hash), atlas.places, strict=True)
    ]
    axes = [PLANE_AXES[plane] for plane in config.mlp_planes]
    distinct = [plane for plane, _ in density_planes(config)]
    return {
        "levels": levels,
        "level_page": [place.page for place in atlas.places],
        "level_columns": [place.columns for place in atlas.places],
        "map_axes": (axes * 3)[:3],
        "density_map_of": (distinct * len(PLANES))[:3],
        "num_density_maps": len(distinct),
        "cells": config.occupancy.resolution,
        "color_map_resolution": config.color_map_resolution,
    }
