"""Bake on the CPU: turn hash tables and decoded maps into the arrays that a `BakedFrame` points to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import HashEncodingConfig, ModelConfig
from model.video import VolumetricVideo
from renderer import baked
from renderer.native import allocate
from renderer.native_decoder import Maps

Words = NDArray[np.uint32]


@dataclass
class BakedArrays:
    """The memory behind a `BakedFrame`."""

    grids: Words
    """(3, nodes, channels of a group) words: each node and the one below it, whole numbers of 16 bits."""
    feature_planes: Words
    """(3, H, W, 16) pairs of whole numbers of 16 bits."""
    density_maps: Words
    """(distinct MLP planes, H, W, 16) pairs of whole numbers of 16 bits."""
    color_heads: NDArray[np.float32]
    """(MLP planes, N, N, rows, 32)."""
    occupancy: list[Words]
    """Bits of the cells, then of coarser blocks."""

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(a.nbytes for a in (self.grids, self.feature_planes, self.density_maps, self.color_heads, *self.occupancy))


def group_channels(config: HashEncodingConfig) -> int:
    """Return how many channels of a level the CPU's grids keep together: all four corners of a cell are one load."""
    return 4 if config.features_per_level % 4 == 0 else 2


def grid_scale(tables: NDArray[np.float32]) -> float:
    """Return the scale of the CPU's grids, a power of two. The largest entry divided by it lies in [2^14, 2^15)."""
    return baked.table_scale(tables) / 2


def bake_frame(
    native: Any, engine: Any, video: VolumetricVideo, time: float, scale: float, maps: Maps
) -> tuple[baked.BakedFrameStruct, BakedArrays, NDArray[np.float32]]:
    """Bake one frame.

    Args:
        native: the module `mlpvid_kernels`.
        engine: its `Engine`.
        video: the video.
        time: frame index, may be fractional.
        scale: `grid_scale` of the hash tables.
        maps: feature planes (3, 32, H, W), density MLP maps (planes, 32, H, W), color MLP maps (planes, N, N,
            parameters); float32 in any memory order.

    Returns:
        The struct, the arrays that it points to, and the frame's box, (2, 3) meters.
    """
    config, channels = video.config, group_channels(video.config.hash)
    layout = baked.group_layout(config.hash, channels)
    grids = allocate(native, (3, layout.nodes, channels), np.uint32)
    grids[:, layout.used :] = 0
    levels = baked.bake_levels(config.hash, time / video.num_frames, channels).view(np.uint8)
    engine.bake_grids(video.hash_tables, levels, layout.offset, scale, grids)
    features, densities, colors = maps
    planes = allocate(native, (3, *features.shape[2:], baked.CHANNEL_PAIRS), np.uint32)
    feature_scale = engine.bake_maps([[plane] for plane in features], planes)
    distinct = baked.density_planes(config)
    heads = allocate(native, (len(distinct), *densities.shape[2:], baked.CHANNEL_PAIRS), np.uint32)
    density_scale = engine.bake_maps([[densities[i] for i in indices] for _, indices in distinct], heads)
    box, occupancy = video.box_and_occupancy(time)
    arrays = BakedArrays(grids, planes, heads, _bake_heads(native, engine, config, colors), baked.occupancy_pyramid(occupancy))
    struct = baked.describe_frame(config, box, (scale, feature_scale, density_scale), channels)
    point_to(struct, config, arrays)
    return struct, arrays, box


def _bake_heads(native: Any, engine: Any, config: ModelConfig, colors: NDArray[np.float32]) -> NDArray[np.float32]:
    size = config.color_map_resolution
    heads = allocate(native, (len(colors), size, size, 32 + config.view_channels + 3, 32), np.float32)
    for source, target in zip(colors, heads, strict=True):
        engine.bake_heads(source, config.view_channels, target)
    return heads


def point_to(struct: baked.BakedFrameStruct, config: ModelConfig, arrays: BakedArrays) -> None:
    """Write the addresses of the arrays, which must outlive the struct's use."""
    struct.grids[:] = [plane.ctypes.data for plane in arrays.grids]
    struct.feature_planes[:] = [plane.ctypes.data for plane in arrays.feature_planes]
    for (plane, _), data in zip(baked.density_planes(config), arrays.density_maps, strict=True):
        struct.density_maps[plane] = data.ctypes.data
    for index, data in enumerate(arrays.color_heads):
        struct.color_heads[index] = data.ctypes.data
    for index, level in enumerate(arrays.occupancy):
        struct.occupancy[index] = level.ctypes.data
    struct.occupancy_levels = len(arrays.occupancy)
