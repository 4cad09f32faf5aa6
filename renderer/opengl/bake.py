"""Bake on the graphics card: turn hash tables and decoded maps into the textures that the render passes read."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from common.half_floats import to_half
from model.config import HIDDEN_CHANNELS, ModelConfig
from model.hash_levels import hash_levels
from renderer.baked import bake_levels, density_planes, table_scale
from renderer.native_decoder import Maps
from renderer.opengl.atlas import Atlas, lay_out, pieces
from renderer.opengl.frame import FrameTextures
from renderer.opengl.layers import Layers
from renderer.opengl.programs import Program

MAX_DISTANCE = 15
"""Maximum stored distance to an occupied cell, in cells. A ray skips at most this many cells in one step."""

TABLE_SIDE = 4096
"""Texels along a side of the layers that hold hash tables."""

FOLD_FETCHES = 40
"""Fetches of a texel of a folded head (shaders/opengl/fold_heads.frag)."""


@dataclass
class MapTextures:
    """The decoded maps of a frame on the graphics card."""

    feature_planes: moderngl.TextureArray
    """Half floats, (24 layers, H, W, 4)."""
    density_maps: moderngl.TextureArray
    """Half floats, (8 layers per distinct plane, H, W, 4)."""
    color_maps: moderngl.TextureArray
    """Half floats, (MLP planes, heads, parameters / 4, 4)."""
    feature_scale: float = 1.0
    """Factor on the stored feature planes."""
    density_scale: float = 1.0
    """Factor on the stored density maps."""


@dataclass
class Tables:
    """The hash tables of a video on the graphics card."""

    texture: moderngl.TextureArray
    """Half floats: the entries of one plane after the other. Each plane starts on a new layer."""
    layers_per_plane: int
    """Layers from one plane to the next."""
    scale: float
    """Factor on the stored values."""


def limit(context: moderngl.Context, name: str) -> int:
    """Return one of the driver's limits, such as GL_MAX_TEXTURE_SIZE."""
    return int(context.info[name])


def upload_tables(context: moderngl.Context, tables: NDArray[np.float32]) -> Tables:
    """Upload hash tables (3, entries, F), float32."""
    scale, (planes, entries, features) = table_scale(tables), tables.shape
    components = min(features, 4)
    texels = entries * features // components
    width = min(TABLE_SIDE, limit(context, "GL_MAX_TEXTURE_SIZE"))
    height = min(width, -(-texels // width))
    layers = -(-texels // (width * height))
    padded = np.zeros((planes, layers * height * width, components), np.float16)
    padded[:, :texels] = to_half(tables / np.float32(scale)).reshape(planes, texels, components)
    texture = context.texture_array((width, height, planes * layers), components, padded, dtype="f2")
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return Tables(texture, layers, scale)


class Baker:
    """Bakes frames of videos of one config.

    Args:
        context: the renderer's context; current in the calling thread whenever a method is called.
        config: hyper-parameters of the videos.
    """

    def __init__(self, context: moderngl.Context, config: ModelConfig) -> None:
        self._context = context
        self._config = config
        self._parts = config.hash.features_per_level // 4 or 1
        self._levels = hash_levels(config.hash)
        layers = limit(context, "GL_MAX_ARRAY_TEXTURE_LAYERS") // (3 * self._parts)
        self.atlas: Atlas = lay_out([level.resolution for level in self._levels], limit(context, "GL_MAX_TEXTURE_SIZE"), layers)
        self._grids = Program(context, "bake_grids.frag", {"PARTS": self._parts}, layered=True)
        self._channels = Program(context, "pack_channels.frag", {}, layered=True)
        self._heads = Program(context, "fold_heads.frag", {"VIEW_CHANNELS": config.view_channels}, layered=True)
        self._distance = Program(context, "empty_distance.frag", {"MAX_DISTANCE": MAX_DISTANCE}, layered=True)

    def upload(self, maps: Maps) -> MapTextures:
        """Upload decoded maps.

        Args:
            maps: feature planes (3, 32, H, W), density MLP maps (planes, 32, H, W), color MLP maps (planes, N, N,
                parameters), in any memory order.
        """
        features, densities, colors = maps
        distinct = np.stack([densities[indices].sum(0) for _, indices in density_planes(self._config)])
        planes, feature_scale = self._pack(features)
        density_maps, density_scale = self._pack(distinct)
        return MapTextures(planes, density_maps, self._upload_heads(colors), feature_scale, density_scale)

    def bake(
        self, tables: Tables, time: float, maps: MapTextures, occupancy: NDArray[np.bool_]
    ) -> tuple[FrameTextures, tuple[float, float, float]]:
        """Bake one frame.

        Args:
            tables: of the video.
            time: t/T in [0, 1).
            maps: the decoded maps.
            occupancy: (X, Y, Z).

        Returns:
            The textures, and the factors on the stored grids, feature planes and density maps.
        """
        heads, empty = self._fold(maps.color_maps), self._empty_distance(occupancy)
        textures = FrameTextures(self._bake_grids(tables, time), maps.feature_planes, maps.density_maps, heads, empty)
        return textures, (tables.scale, maps.feature_scale, maps.density_scale)

    def _bake_grids(self, tables: Tables, time: float) -> moderngl.TextureArray:
        atlas, layers = self.atlas, 3 * self._parts
        components = min(self._config.hash.features_per_level, 4)
        size = (atlas.width, atlas.height, atlas.pages * layers)
        target = self._texture(size, components, "f2", moderngl.LINEAR)
        self._grids.bind(tables=tables.texture)
        self._grids.set(layers_per_plane=tables.layers_per_plane)
        drawing = Layers(self._context, target)
        for place, level in zip(atlas.places, bake_levels(self._config.hash, time), strict=True):
            side = int(level["resolution"])
            self._grids.set(
                resolution=side,
                offset=int(level["offset"]),
                mask=int(level["mask"]),
                time_node=int(level["time_node"]),
                time_weight=float(level["time_weight"]),
            )
            for piece in pieces(place, side, atlas.piece_cells):
                self._grids.set(level_corner=piece.corner)
                drawing.draw(self._grids, layers, piece.page * layers, piece.rectangle, fetches=2)
        return target

    def _pack(self, maps: NDArray[np.float32]) -> tuple[moderngl.TextureArray, float]:
        """Put maps (planes, 32, H, W) into a texture of 8 layers per plane. Return it and the factor on its values."""
        planes, channels, height, width = maps.shape
        scale = table_scale(maps)
        # Floats: the card rounds them to half floats faster than NumPy does.
        scaled = np.ascontiguousarray(maps / np.float32(scale))
        source = self._context.texture_array((width, height, planes * channels), 1, scaled, dtype="f4")
        target = self._texture((width, height, planes * channels // 4), 4, "f2", moderngl.LINEAR)
        self._channels.bind(maps=source)
        Layers(self._context, target).draw(self._channels, planes * channels // 4, fetches=4)
        return target, scale

    def _upload_heads(self, colors: NDArray[np.float32]) -> moderngl.TextureArray:
        """Put color maps (planes, N, N, parameters) into a texture of one row per head, four parameters per texel."""
        planes, rows, columns, parameters = colors.shape
        halves = to_half(colors)
        return self._context.texture_array((parameters // 4, rows * columns, planes), 4, halves, dtype="f2")

    def _fold(self, color_maps: moderngl.TextureArray) -> moderngl.TextureArray:
        """Multiply the first two layers of each head."""
        _, heads, planes = color_maps.size
        texels = 8 * (HIDDEN_CHANNELS + self._config.view_channels + 3)
        target = self._texture((texels, heads, planes), 4, "f2", moderngl.NEAREST)
        self._heads.bind(color_maps=color_maps)
        Layers(self._context, target).draw(self._heads, planes, fetches=FOLD_FETCHES)
        return target

    def _empty_distance(self, occupancy: NDArray[np.bool_]) -> moderngl.TextureArray:
        """Make the texture of distances to occupied cells from the cells (X, Y, Z)."""
        x, y, z = occupancy.shape
        start = np.where(occupancy, 0, MAX_DISTANCE).astype(np.uint8)
        first = self._texture((z, y, x), 1, "u1", moderngl.NEAREST, start)
        second = self._texture((z, y, x), 1, "u1", moderngl.NEAREST)
        for axis in np.eye(3, dtype=int).tolist():
            self._distance.bind(distances=first)
            self._distance.set(axis=tuple(axis))
            Layers(self._context, second).draw(self._distance, x, fetches=2 * MAX_DISTANCE + 1)
            first, second = second, first
        return first

    def _texture(
        self, size: tuple[int, int, int], components: int, dtype: str, how: int, data: NDArray[np.uint8] | None = None
    ) -> moderngl.TextureArray:
        texture = self._context.texture_array(size, components, data, dtype=dtype)
        texture.filter = (how, how)
        texture.repeat_x = texture.repeat_y = False
        return texture
