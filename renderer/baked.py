"""`BakedFrameStruct`, the struct that the kernels read. It mirrors renderer/kernels/include/mlpvid/baked_frame.h."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.config import FEATURE_CHANNELS, PLANE_AXES, PLANES, HashEncodingConfig, ModelConfig
from model.hash_levels import hash_levels
from renderer.backend import Region, RenderSettings

CHANNEL_PAIRS = FEATURE_CHANNELS // 2
"""Number of pairs of channels. Pair l holds the channels 2l and 2l + 1 of the point feature."""

OCCUPANCY_LEVELS = 4
"""Cells, then blocks of 4^3, 16^3 and 64^3 cells."""

MIN_TRANSMITTANCE = 1 / 4096
"""Rays stop at this transmittance even if tau2 is smaller: what lies behind could not change an 8-bit color."""

UNLIMITED = 1e30
"""Depth behind everything, meters. Kernels divide it by numbers below 1 without reaching infinity."""

BAKE_LEVEL = np.dtype(
    [
        ("offset", np.int64),
        ("resolution", np.int32),
        ("mask", np.uint32),
        ("time_node", np.int32),
        ("time_weight", np.float32),
        ("first_group", np.int32),
    ],
    align=True,
)
"""One level of the hash encoding at one time, as declared in include/mlpvid/bake.h."""


class BakedFrameStruct(ctypes.Structure):
    """The struct's bytes: addresses (of any memory that the kernels can read) and numbers. The header describes each."""

    _fields_ = [
        ("grids", ctypes.c_uint64 * 3),
        ("feature_planes", ctypes.c_uint64 * 3),
        ("density_maps", ctypes.c_uint64 * 3),
        ("color_heads", ctypes.c_uint64 * 3),
        ("occupancy", ctypes.c_uint64 * OCCUPANCY_LEVELS),
        ("group_scale", ctypes.c_float * CHANNEL_PAIRS),
        ("group_last_corner", ctypes.c_int32 * CHANNEL_PAIRS),
        ("group_offset", ctypes.c_int32 * CHANNEL_PAIRS),
        ("group_stride", ctypes.c_int32 * CHANNEL_PAIRS),
        ("group_channels", ctypes.c_int32),
        ("grid_scale", ctypes.c_float),
        ("feature_scale", ctypes.c_float),
        ("density_scale", ctypes.c_float),
        ("feature_resolution", ctypes.c_int32),
        ("density_resolution", ctypes.c_int32),
        ("color_resolution", ctypes.c_int32),
        ("num_color_maps", ctypes.c_int32),
        ("color_axes", ctypes.c_int32 * 2 * 3),
        ("bilinear", ctypes.c_int32),
        ("view_encoding", ctypes.c_int32),
        ("view_channels", ctypes.c_int32),
        ("occupancy_levels", ctypes.c_int32),
        ("cells", ctypes.c_int32 * 3),
        ("box_lower", ctypes.c_float * 3),
        ("box_upper", ctypes.c_float * 3),
        ("box_extent", ctypes.c_float * 3),
    ]


class ViewStruct(ctypes.Structure):
    """One view of a frame, for the kernels."""

    _fields_ = [
        ("inverse_intrinsics", ctypes.c_double * 9),
        ("rotation", ctypes.c_double * 9),
        ("origin", ctypes.c_float * 3),
        ("clip_lower", ctypes.c_float * 3),
        ("clip_upper", ctypes.c_float * 3),
        ("depth_range", ctypes.c_float * 2),
        ("step", ctypes.c_float),
        ("weight_threshold", ctypes.c_float),
        ("min_transmittance", ctypes.c_float),
        ("column", ctypes.c_int32),
        ("row", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
    ]


def struct_bytes(struct: ctypes.Structure) -> NDArray[np.uint8]:
    """Return the bytes of a struct; they share its memory."""
    return np.frombuffer(struct, dtype=np.uint8)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class GroupLayout:
    """The positions of the hash levels of groups of channels among the nodes of a plane's grids."""

    scale: NDArray[np.float32]
    """(16,) nodes per unit of u and v."""
    last_corner: NDArray[np.int32]
    """(16,) the level's resolution minus 2."""
    offset: NDArray[np.int32]
    """(16,) first node. There are places for 16 groups; those without a level are at the end."""
    stride: NDArray[np.int32]
    """(16,) nodes from one v to the next."""
    used: int
    """Nodes of the levels. The nodes behind them are zeros, for groups without a level."""
    nodes: int
    """Nodes per plane, zeros included."""


@functools.cache
def group_layout(config: HashEncodingConfig, channels: int = 2) -> GroupLayout:
    """Place the groups of all levels one after the other: [group][v][u] nodes. The arrays are read-only.

    Args:
        config: the hash encoding.
        channels: of a group; pairs by default, as on GPUs.
    """
    groups = config.features_per_level // channels
    levels = [level for level in hash_levels(config) for _ in range(groups)]
    starts = np.cumsum([0, *(level.resolution**2 for level in levels)])
    scale, last_corner, stride = np.zeros(CHANNEL_PAIRS, np.float32), *np.zeros((2, CHANNEL_PAIRS), np.int32)
    offset = np.full(CHANNEL_PAIRS, starts[-1], np.int32)
    used = len(levels)
    scale[:used] = [level.scale for level in levels]
    last_corner[:used] = [level.resolution - 2 for level in levels]
    stride[:used] = [level.resolution for level in levels]
    offset[:used] = starts[:-1]
    padded = -(-(int(starts[-1]) + 2) // 16) * 16
    for shared in (scale, last_corner, offset, stride):
        shared.setflags(write=False)
    return GroupLayout(scale, last_corner, offset, stride, int(starts[-1]), padded)


def bake_levels(config: HashEncodingConfig, time: float, channels: int = 2) -> NDArray[np.void]:
    """Return the levels of a hash encoding at one time, an array of `BAKE_LEVEL`.

    Args:
        config: the hash encoding.
        time: t/T in [0, 1).
        channels: of a group of the grids.
    """
    levels = hash_levels(config)
    result = np.zeros(len(levels), BAKE_LEVEL)
    for index, level in enumerate(levels):
        position = time * level.time_scale
        node = min(int(position), level.time_resolution - 2)
        fraction = position - node
        weight = fraction * fraction * (3 - 2 * fraction)
        mask = 0 if level.dense else level.entries - 1
        first_group = index * config.features_per_level // channels
        result[index] = (level.offset, level.resolution, mask, node, weight, first_group)
    return result


def occupancy_pyramid(cells: NDArray[np.bool_]) -> list[NDArray[np.uint32]]:
    """Return the bits of the cells (X, Y, Z), then of coarser and coarser blocks. A block is set if any of its 4^3 parts is."""
    levels = [pack_bits(cells)]
    while len(levels) < OCCUPANCY_LEVELS and max(cells.shape) > 1:
        padding = [(0, -n % 4) for n in cells.shape]
        padded = np.pad(cells, padding) if any(after for _, after in padding) else np.ascontiguousarray(cells)
        x, y, z = (n // 4 for n in padded.shape)
        # One axis after the other: four cells along z are one word, and the rest is a few large operations.
        runs = (padded.view(np.uint32) != 0).reshape(4 * x, y, 4, z)
        rows = (runs[:, :, 0] | runs[:, :, 1] | runs[:, :, 2] | runs[:, :, 3]).reshape(x, 4, y, z)
        cells = rows[:, 0] | rows[:, 1] | rows[:, 2] | rows[:, 3]
        levels.append(pack_bits(cells))
    return levels


def pack_bits(cells: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Pack cells into words: cell i of the flattened volume is bit (i mod 32) of word i / 32."""
    packed = np.packbits(cells.reshape(-1), bitorder="little")
    return (np.pad(packed, (0, -len(packed) % 4)) if len(packed) % 4 else packed).view(np.uint32)


def describe_frame(
    config: ModelConfig, box: NDArray[np.float32], scales: tuple[float, float, float], channels: int = 2
) -> BakedFrameStruct:
    """Return a frame's struct with all numbers filled in; addresses stay 0.

    The box and the views of it (`describe_view`) count from its lower corner. Otherwise float32 would be too coarse for a scene
    that is kilometers from the origin of its world.

    Args:
        config: hyper-parameters of the video.
        box: (2, 3), meters.
        scales: powers of two of the grids, the feature planes and the density maps.
        channels: of a group of the grids.
    """
    layout = group_layout(config.hash, channels)
    struct = BakedFrameStruct()
    for name in ("scale", "last_corner", "offset", "stride"):
        getattr(struct, f"group_{name}")[:] = getattr(layout, name).tolist()
    struct.group_channels = channels
    struct.grid_scale, struct.feature_scale, struct.density_scale = scales
    struct.feature_resolution = config.feature_plane_resolution
    struct.density_resolution = config.density_map_resolution
    struct.color_resolution = config.color_map_resolution
    struct.num_color_maps = len(config.mlp_planes)
    for index, plane in enumerate(config.mlp_planes):
        struct.color_axes[index][:] = PLANE_AXES[plane]
    struct.bilinear = config.assignment == "bilinear"
    struct.view_encoding = 0 if config.view_encoding == "frequency" else 1
    struct.view_channels = config.view_channels
    struct.cells[:] = config.occupancy.resolution
    struct.box_extent[:] = struct.box_upper[:] = (box[1] - box[0]).tolist()
    return struct


def density_planes(config: ModelConfig) -> list[tuple[int, list[int]]]:
    """Return the distinct planes that MLP maps lie on, with the indices of their maps: density heads of a plane are summed."""
    names = [plane for plane in PLANES if plane in config.mlp_planes]
    return [(PLANES.index(name), [i for i, plane in enumerate(config.mlp_planes) if plane == name]) for name in names]


def describe_view(
    config: ModelConfig, box: NDArray[np.float32], camera: Camera, settings: RenderSettings, region: Region
) -> ViewStruct:
    """Return the struct of a camera's view, counted from the lower corner of the box.

    Args:
        config: hyper-parameters of the video.
        box: (2, 3), meters.
        camera: the view.
        settings: step, tau2, crop box and depth range.
        region: the part of the camera's image to render.
    """
    threshold = config.render.weight_threshold if settings.weight_threshold is None else settings.weight_threshold
    view = ViewStruct()
    view.inverse_intrinsics[:] = camera.inverse_K.ravel().tolist()
    view.rotation[:] = camera.R.ravel().tolist()
    view.origin[:] = (camera.center - box[0]).tolist()
    view.clip_lower[:], view.clip_upper[:] = (settings.clip(box) - box[0]).tolist()
    view.depth_range[:] = [min(depth, UNLIMITED) for depth in settings.depth_range or (0.0, UNLIMITED)]
    view.step = settings.step(config.render, box, camera.center)
    view.weight_threshold = threshold
    view.min_transmittance = max(threshold, MIN_TRANSMITTANCE)
    view.column, view.row = region[0], region[1]
    view.width, view.height = region[2] - region[0], region[3] - region[1]
    return view


def table_scale(tables: NDArray[np.float32]) -> float:
    """Return the scale of baked grids, a power of two. The largest entry divided by it lies in [2^13, 2^14).

    The kernels' README explains why 2^14.
    """
    largest = max(-float(tables.min()), float(tables.max()))
    return float(np.ldexp(1.0, int(np.floor(np.log2(largest))) - 13)) if 0 < largest < np.inf else 1.0
