"""Decode on the CPU with the native kernels, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import FEATURE_CHANNELS
from model.video import VolumetricVideo
from renderer.decoder_layers import Branch, decoder_layers
from renderer.native import allocate

Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Feature planes (3, 32, H, W), density MLP maps (planes, 32, H, W), color MLP maps (planes, N, N, parameters)."""


class NativeDecoder:
    """A video's map decoder, with weights in the kernels' memory order.

    Args:
        native: the module `mlpvid_kernels`.
        engine: its `Engine`, whose threads decode.
        video: the video; later changes of its weights have no effect.
    """

    def __init__(self, native: Any, engine: Any, video: VolumetricVideo) -> None:
        self._native = native
        self._layers = layers = decoder_layers(video)
        self._config = video.config
        self._decoder = native.Decoder(engine, video.config.decoder.backbone_channels[0])
        self._pyramid = [-1]
        for upsample in layers.upsamples:
            self._pyramid.append(self._add(self._pyramid[-1], upsample))
        self._heads = [self._add_branch(branch) for branch in (layers.features, layers.densities, layers.colors)]

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

    def _add(self, source: int, layer: Any) -> int:
        weights, bias = (np.ascontiguousarray(array, np.float32) for array in (layer.weights, layer.bias))
        return int(self._decoder.add(source, weights, bias, layer.stride, layer.leak, layer.transposed))

    def _add_branch(self, branch: Branch) -> int:
        source = self._pyramid[branch.level]
        for layer in branch.layers:
            source = self._add(source, layer)
        return source
