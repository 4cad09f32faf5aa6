"""Hash tables in the layout of tiny-cuda-nn, so that its CUDA kernels can look them up and train them where it is installed.

tiny-cuda-nn's grid encoding differs from ours in three ways: positions are shifted by half a node (`scale * x + 0.5`), scales
derive from whole base resolutions, and the entries of each level are padded to a multiple of 8. With one encoding per level,
the level's number of nodes as base resolution and inputs shifted back by `tiny_inputs`, its tables equal ours.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.func import functional_call

from common.errors import InputError
from model.config import HashEncodingConfig
from model.hash_levels import HashLevel, hash_levels
from model.query import HashFeatures, plane_coordinates

PADDING = 8
"""Entries of a level are padded to a multiple of this (tiny-cuda-nn, `GridEncoding`)."""

SMALLEST_POSITION = 1e-6
"""Nodes. Rounding must not push a position below the first node, where unsigned indices wrap around."""


class TinyHash:
    """Looks up our tables with tiny-cuda-nn; its kernels also compute the gradients of the tables.

    Args:
        config: the encoding.
        encoding: `tinycudann.Encoding`.

    Raises:
        InputError: tiny-cuda-nn cannot express the encoding.
    """

    def __init__(self, config: HashEncodingConfig, encoding: Callable[..., torch.nn.Module]) -> None:
        self._levels = hash_levels(config)
        self._modules = [encoding(3, tiny_config(config, level), dtype=torch.float32) for level in self._levels]

    def at(self, tables: torch.Tensor, time: float) -> HashFeatures:
        """Return the function from points to their features at a time.

        Args:
            tables: (3, entries, F) of a `HashEncoding`.
            time: t/T in [0, 1).
        """
        parameters = [[to_tiny_parameters(level, table) for table in tables] for level in self._levels]

        def features(points: torch.Tensor) -> torch.Tensor:
            uvt = [torch.cat([uv, torch.full_like(uv[:, :1], time)], dim=1) for uv in plane_coordinates(points)]
            parts = []
            for level, module, planes in zip(self._levels, self._modules, parameters, strict=True):
                read = [
                    functional_call(module, {"params": values}, (tiny_inputs(level, at),))
                    for values, at in zip(planes, uvt, strict=True)
                ]
                parts.append(torch.stack(read).sum(0))
            return torch.cat(parts, dim=1)

        return features


def load_tiny_hash(config: HashEncodingConfig) -> TinyHash | None:
    """Return tiny-cuda-nn's lookups, or None where it is not installed, does not work or cannot express the encoding.

    A warning explains why it is not used although it is installed. Training continues without it, only slower.
    """
    if importlib.util.find_spec("tinycudann") is None:
        return None
    try:
        import tinycudann  # noqa: PLC0415 - optional, and only for CUDA

        return TinyHash(config, tinycudann.Encoding)
    except Exception as error:  # beyond ImportError and our InputError, its build or the GPU may raise anything
        warnings.warn(f"tinycudann is installed but not used: {error}", stacklevel=2)
        return None


def tiny_config(config: HashEncodingConfig, level: HashLevel) -> dict[str, Any]:
    """Return the `encoding_config` of one level of one plane, for `tinycudann.Encoding(3, ...)`.

    Raises:
        InputError: the level has different numbers of nodes in time and in space, which tiny-cuda-nn cannot express.
    """
    if level.time_resolution != level.resolution:
        raise InputError(
            "config field hash.time_resolution", "cannot be used with tiny-cuda-nn", "leave it out, or train without tinycudann"
        )
    return {
        "otype": "Grid",
        "type": "Hash",
        "n_levels": 1,
        "n_features_per_level": config.features_per_level,
        "log2_hashmap_size": config.log2_table_size,
        "base_resolution": level.resolution,
        "per_level_scale": 1.0,
        "interpolation": "Smoothstep",
    }


def tiny_inputs(level: HashLevel, uvt: torch.Tensor) -> torch.Tensor:
    """Return the inputs at which tiny-cuda-nn reads the position that (u, v, t) has here.

    Args:
        level: the level.
        uvt: (P, 3), [0, 1].

    Returns:
        (P, 3) such that `(resolution - 1) * result + 0.5` is the position in nodes.
    """
    scales = uvt.new_tensor([level.scale, level.scale, level.time_scale])
    position = (uvt * scales).clamp(min=SMALLEST_POSITION)
    return (position - 0.5) / (level.resolution - 1)


def padded_entries(level: HashLevel) -> int:
    """Return the number of entries of a level in tiny-cuda-nn's parameters."""
    return -(-level.entries // PADDING) * PADDING


def to_tiny_parameters(level: HashLevel, table: torch.Tensor) -> torch.Tensor:
    """Return a level's flat parameters for tiny-cuda-nn, from a plane's table (entries of all levels, F)."""
    entries = table[level.offset : level.offset + level.entries]
    return torch.nn.functional.pad(entries, (0, 0, 0, padded_entries(level) - level.entries)).flatten()
