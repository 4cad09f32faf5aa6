"""Decode on the CPU with the native kernels: in float32, or with products of bfloat16 where the processor is faster at these.

A bfloat16 has 8 significant bits, which is enough for colors. The place of a surface needs more: there, weights and inputs
are sums of two bfloat16 (16 significant bits), which takes three products. That pays with AMX. AVX-512 multiplies twice as many
bfloat16 as float32, so there only the layers of colors are bfloat16. All sums are float32.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.config import FEATURE_CHANNELS
from model.video import VolumetricVideo
from renderer.decoder_layers import Branch, decoder_layers
from renderer.native import allocate

Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Feature planes (3, 32, H, W), density MLP maps (planes, 32, H, W), color MLP maps (planes, N, N, parameters)."""


FLOAT32 = "float32"
"""The unit that computes everything in float32."""

_FAST_UNITS = ("amx_bf16", "avx512_bf16")  # best first

_PARTS: dict[str, tuple[list[int], list[int]]] = {
    FLOAT32: ([], []),
    "amx_bf16": ([2], [1]),
    "plain_bf16": ([2], [1]),
    "avx512_bf16": ([], [1]),
    "plain_avx512_bf16": ([], [1]),
}
"""bfloat16 numbers per weight and input of layers that give shape, and of those that give color; none means float32."""


def decoding_unit(native: Any, engine: Any, wanted: str | None = None) -> str:
    """Return the unit that decodes: amx_bf16, avx512_bf16, float32, or for tests plain_bf16 and plain_avx512_bf16.

    The last two have the same results as the first two, very slowly, on any processor.

    Args:
        native: the module `mlpvid_kernels`.
        engine: its `Engine`. Without AVX-512 only a unit that is asked for is taken.
        wanted: a unit. None takes the one that the environment variable MLPVID_DECODER names, or else the fastest.

    Raises:
        InputError: this machine has no such unit.
    """
    wanted = os.environ.get("MLPVID_DECODER", "") if wanted is None else wanted
    rounding = native.bfloat16_units()
    if not wanted:
        fast = [unit for unit in _FAST_UNITS if unit in rounding and engine.instruction_set == "x86_64_v4"]
        return fast[0] if fast else FLOAT32
    if wanted not in (*rounding, FLOAT32):
        known = ", ".join([*rounding, FLOAT32])
        raise InputError(f"decoder {wanted}", "is not supported by this processor", f"choose one of {known}")
    return wanted


class NativeDecoder:
    """A video's map decoder, with weights in the kernels' memory order.

    Args:
        native: the module `mlpvid_kernels`.
        engine: its `Engine`, whose threads decode.
        video: the video; later changes of its weights have no effect.
        unit: as for `decoding_unit`, with its InputError.
    """

    def __init__(self, native: Any, engine: Any, video: VolumetricVideo, unit: str | None = None) -> None:
        self._native = native
        self._layers = layers = decoder_layers(video)
        self._config = video.config
        self.unit = decoding_unit(native, engine, unit)
        rounds = self.unit != FLOAT32
        self._decoder = native.Decoder(engine, video.config.decoder.backbone_channels[0], *([self.unit] if rounds else []))
        fine, coarse = _PARTS[self.unit]
        self._pyramid = [-1]
        for upsample in layers.upsamples:
            self._pyramid.append(self._add(self._pyramid[-1], upsample, fine))
        branches = (layers.features, fine), (layers.densities, fine), (layers.colors, coarse)
        self._heads = [self._add_branch(branch, parts) for branch, parts in branches]

    def __call__(self, latent: NDArray[np.float32]) -> Maps:
        """Decode one latent (D,). The maps are views whose channels are contiguous in memory."""
        config, planes = self._config, len(self._config.mlp_planes)
        sides = config.feature_plane_resolution, config.density_map_resolution, config.color_map_resolution
        channels = 3 * FEATURE_CHANNELS, planes * FEATURE_CHANNELS, planes * config.color_head_parameters
        maps = [allocate(self._native, (side**2, count), np.float32) for side, count in zip(sides, channels, strict=True)]
        self._decoder.decode(self._layers.first_activation(latent), self._heads, maps)
        features, densities, colors = maps
        return (
            features.reshape(sides[0], sides[0], 3, FEATURE_CHANNELS).transpose(2, 3, 0, 1),
            densities.reshape(sides[1], sides[1], planes, FEATURE_CHANNELS).transpose(2, 3, 0, 1),
            colors.reshape(sides[2], sides[2], planes, config.color_head_parameters).transpose(2, 0, 1, 3),
        )

    def _add(self, source: int, layer: Any, parts: list[int]) -> int:
        weights, bias = (np.ascontiguousarray(array, np.float32) for array in (layer.weights, layer.bias))
        return int(self._decoder.add(source, weights, bias, layer.stride, layer.leak, layer.transposed, *parts))

    def _add_branch(self, branch: Branch, parts: list[int]) -> int:
        source = self._pyramid[branch.level]
        for layer in branch.layers:
            source = self._add(source, layer, parts)
        return source
