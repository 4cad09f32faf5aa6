"""Arguments of the CUDA kernels other than `BakedFrame` and `View`. They mirror render_buffers.cuh and bake_arguments.cuh."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from model.camera import Camera
from model.config import PLANE_AXES, HashEncodingConfig, ModelConfig
from renderer.backend import Region
from renderer.baked import BAKE_LEVEL, CHANNEL_PAIRS, bake_levels, density_planes, group_layout

TILE_COLUMNS, TILE_ROWS = 8, 4
"""Pixels whose rays one warp follows."""

DENSITY_THREADS = 128
"""Threads per block of the density pass."""

GROUP_THREADS = 256
"""Threads per block of grouping and compositing."""

COLOR_THREADS = 128
"""Threads per block of the color pass."""

COLOR_TILE = 128
"""Samples of one head that a block of the color pass takes at once."""

BAKE_THREADS = 128
"""Threads per block of baking."""

FEATURE_WORDS, VIEW_WORDS = 16, 8
"""32-bit words of a sample's features and of an encoded view direction."""

HEAD_FRAGMENT_WORDS = 7 * 32 * 4
"""32-bit words of a color head in the order of tensor cores."""

COUNTER_WORDS = 6
"""32-bit words of `FrameCounters`: next tile, kept samples, color tiles, unused, density samples (two)."""


class CameraRays(ctypes.Structure):
    """The camera without doubles, see render_buffers.cuh."""

    _fields_ = [
        ("base", ctypes.c_float * 3),
        ("right", ctypes.c_float * 3),
        ("down", ctypes.c_float * 3),
        ("depth_base", ctypes.c_float),
        ("depth_right", ctypes.c_float),
        ("depth_down", ctypes.c_float),
        ("middle_x", ctypes.c_float),
        ("middle_y", ctypes.c_float),
        ("tiles_in_row", ctypes.c_int32),
        ("tiles", ctypes.c_int32),
    ]


class RenderBuffers(ctypes.Structure):
    """Addresses and sizes of the buffers that an image is rendered in."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("counters", "features", "places", "distances", "pixels", "previous")),
        *((name, ctypes.c_uint64) for name in ("key_counts", "key_cursors", "key_starts", "order", "color_tiles", "outputs")),
        *((name, ctypes.c_uint64) for name in ("last", "views", "rgba", "depth", "counts", "head_fragments")),
        *((name, ctypes.c_int32) for name in ("capacity", "keys", "assignments", "unused")),
    ]


class BakeLevel(ctypes.Structure):
    """A level of the hash encoding at one time, as include/mlpvid/bake.h and `renderer.baked.BAKE_LEVEL` have it."""

    _fields_ = [
        ("offset", ctypes.c_int64),
        ("resolution", ctypes.c_int32),
        ("mask", ctypes.c_uint32),
        ("time_node", ctypes.c_int32),
        ("time_weight", ctypes.c_float),
        ("first_group", ctypes.c_int32),
    ]


class VideoBake(ctypes.Structure):
    """What the bake kernels need of a video."""

    _fields_ = [
        ("tables", ctypes.c_uint64 * 3),
        ("pair_in_entry", ctypes.c_int32 * CHANNEL_PAIRS),
        ("pair_offset", ctypes.c_int32 * CHANNEL_PAIRS),
        ("words_per_entry", ctypes.c_int32),
        ("pair_count", ctypes.c_int32),
        ("columns_per_node", ctypes.c_float * 2 * 3 * CHANNEL_PAIRS),
        ("columns", ctypes.c_int32 * 2 * 3),
        ("feature_pixels", ctypes.c_int32),
        ("density_pixels", ctypes.c_int32),
        ("density_maps", ctypes.c_int32),
        ("density_sources", ctypes.c_int32 * 3),
        ("heads_per_map", ctypes.c_int32),
        ("num_maps", ctypes.c_int32),
        ("view_channels", ctypes.c_int32),
    ]


class FrameBake(ctypes.Structure):
    """What the bake kernels need of one frame; it lies in the GPU's memory."""

    _fields_ = [
        ("levels", BakeLevel * CHANNEL_PAIRS),
        ("grids", ctypes.c_uint64 * 3),
        *((name, ctypes.c_uint64) for name in ("feature_planes", "density_maps", "heads", "fragments")),
        ("columns", ctypes.c_uint64 * 3),
    ]


class DecodedMaps(ctypes.Structure):
    """The addresses of what the decoder made of several frames, and of their `FrameBake`s."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("features", "densities", "colors", "frames")]


def describe_rays(camera: Camera, region: Region) -> CameraRays:
    """Return a camera's rays for the kernels; `region` is the part of its image to render."""
    x0, y0, x1, y1 = region
    middle = np.array([camera.width / 2, camera.height / 2])
    local = camera.inverse_K  # its columns: the ray's change along x and y, and the ray of pixel (0, 0)
    world = camera.pixel_to_world
    rays = CameraRays()
    rays.right[:], rays.down[:] = world[:, 0].tolist(), world[:, 1].tolist()
    rays.base[:] = (world @ [*middle, 1.0]).tolist()
    rays.depth_right, rays.depth_down = local[2, 0], local[2, 1]
    rays.depth_base = float(local[2] @ [*middle, 1.0])
    rays.middle_x, rays.middle_y = middle.tolist()
    rays.tiles_in_row = -(-(x1 - x0) // TILE_COLUMNS)
    rays.tiles = rays.tiles_in_row * -(-(y1 - y0) // TILE_ROWS)
    return rays


def describe_video(config: ModelConfig) -> VideoBake:
    """Return what the bake kernels need of a video; addresses stay 0."""
    bake, layout, pairs = VideoBake(), group_layout(config.hash), config.hash.features_per_level // 2
    bake.words_per_entry, bake.pair_count = pairs, config.hash.num_levels * pairs
    bake.pair_in_entry[:] = [index % pairs for index in range(CHANNEL_PAIRS)]
    bake.pair_offset[:] = layout.offset.tolist()
    for plane, axes in enumerate(PLANE_AXES.values()):
        for k, axis in enumerate(axes):
            bake.columns[plane][k] = cells = config.occupancy.resolution[axis]
            for pair in range(bake.pair_count):
                bake.columns_per_node[pair][plane][k] = cells / float(layout.scale[pair])
    bake.feature_pixels, bake.density_pixels = config.feature_plane_resolution**2, config.density_map_resolution**2
    planes = density_planes(config)
    bake.density_maps = len(planes)
    bake.density_sources[: len(planes)] = [sum(1 << index for index in maps) for _, maps in planes]
    bake.heads_per_map, bake.num_maps = config.color_map_resolution**2, len(config.mlp_planes)
    bake.view_channels = config.view_channels
    return bake


def describe_levels(config: HashEncodingConfig, time: float) -> Any:
    """Return the level of each channel pair at `time` (t/T in [0, 1)), for `FrameBake.levels`."""
    levels = np.zeros(CHANNEL_PAIRS, BAKE_LEVEL)
    pairs = config.features_per_level // 2
    levels[: config.num_levels * pairs] = np.repeat(bake_levels(config, time), pairs)
    return (BakeLevel * CHANNEL_PAIRS).from_buffer_copy(levels.tobytes())
