"""Arguments of the CUDA kernels other than `BakedFrame` and `View`. They mirror render_buffers.cuh and bake_arguments.cuh."""

from __future__ import annotations

import ctypes

import numpy as np

from model.camera import Camera
from model.config import HashEncodingConfig
from renderer.backend import Region
from renderer.baked import CHANNEL_PAIRS, bake_levels, pair_layout

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
        ("first_pair", ctypes.c_int32),
    ]


class GridBake(ctypes.Structure):
    """What `bake_grids` reads and writes."""

    _fields_ = [
        ("tables", ctypes.c_uint64 * 3),
        ("grids", ctypes.c_uint64 * 3),
        ("levels", BakeLevel * CHANNEL_PAIRS),
        ("pair_in_entry", ctypes.c_int32 * CHANNEL_PAIRS),
        ("pair_offset", ctypes.c_int32 * CHANNEL_PAIRS),
        ("words_per_entry", ctypes.c_int32),
        ("pair_count", ctypes.c_int32),
    ]


class HeadBake(ctypes.Structure):
    """What `bake_heads` reads and writes."""

    _fields_ = [
        ("maps", ctypes.c_uint64),
        ("heads", ctypes.c_uint64 * 3),
        ("fragments", ctypes.c_uint64),
        ("heads_per_map", ctypes.c_int32),
        ("num_maps", ctypes.c_int32),
        ("view_channels", ctypes.c_int32),
        ("unused", ctypes.c_int32),
    ]


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


def describe_bake(config: HashEncodingConfig, time: float) -> GridBake:
    """Return the levels and channel pairs of a hash encoding at `time` (t/T in [0, 1)); addresses stay 0."""
    bake = GridBake()
    pairs = config.features_per_level // 2
    for level in bake_levels(config, time):
        for pair in range(pairs):
            index = int(level["first_pair"]) + pair
            bake.levels[index] = BakeLevel.from_buffer_copy(level.tobytes())
            bake.pair_in_entry[index] = pair
    bake.pair_offset[:] = pair_layout(config).offset.tolist()
    bake.words_per_entry = pairs
    bake.pair_count = config.num_levels * pairs
    return bake
