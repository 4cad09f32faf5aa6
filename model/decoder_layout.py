"""The parameters of the map decoder: names, shapes, factors on stored weights. `model/decoder.py` is the network itself."""

from __future__ import annotations

import itertools
import math

from model.config import FEATURE_CHANNELS, ModelConfig

LEAK = 0.2
"""Negative slope of the leaky ReLUs."""

Shapes = dict[str, tuple[int, ...]]


def equalized_scale(fan_in: int) -> float:
    """Return the factor on an equalized layer's stored weights: the gain of the leaky ReLU over sqrt(fan_in)."""
    return math.sqrt(2 / (1 + LEAK**2)) / math.sqrt(fan_in)


def upsample_scale(in_channels: int) -> float:
    """Return the factor on the stored weights of a stride-2 4x4 transposed convolution: each pixel has 2 x 2 taps."""
    return equalized_scale(in_channels * (4 // 2) ** 2)


def source_level(config: ModelConfig, resolution: int) -> int:
    """Return the level of the backbone's pyramid (0: 4x4 pixels) that the head of a map of `resolution` reads."""
    if config.decoder.head_source == "matching":
        return log2(resolution // 4)
    return len(config.decoder.backbone_channels) - 1


def trunk_channels(config: ModelConfig, resolution: int, channels: tuple[int, ...]) -> list[int]:
    """Return the output channels of the stride-2 convolutions between the backbone and a head of `resolution`.

    Args:
        config: hyper-parameters.
        resolution: pixels along a side of the map.
        channels: those of the first convolutions; later ones have as many as the last of these.
    """
    if config.decoder.head_source == "matching":
        return []
    strides = log2(config.decoder.backbone_resolution // resolution)
    return [*channels, *[channels[-1]] * strides][:strides]


def decoder_shapes(config: ModelConfig) -> Shapes:
    """Return the shapes of the decoder's parameters by name, in the order of `MapDecoder.state_dict`."""
    decoder, channels = config.decoder, config.decoder.backbone_channels
    planes, kernel = len(config.mlp_planes), decoder.color_kernel_size
    shapes: Shapes = {
        "backbone.linear.weight": (channels[0] * 16, decoder.latent_channels),
        "backbone.linear.bias": (channels[0] * 16,),
    }
    for index, (inputs, outputs) in enumerate(itertools.pairwise(channels)):
        shapes[f"backbone.upsamples.{index}.weight"] = (inputs, outputs, 4, 4)
        shapes[f"backbone.upsamples.{index}.bias"] = (outputs, 8 << index, 8 << index)
    heads: Shapes = {}
    for name, resolution, widths, outputs, side in (
        ("feature", config.feature_plane_resolution, (channels[-1],), 3 * FEATURE_CHANNELS, 3),
        ("density", config.density_map_resolution, (channels[-1],), planes * FEATURE_CHANNELS, 3),
        ("color", config.color_map_resolution, decoder.color_channels, planes * config.color_head_parameters, kernel),
    ):
        trunk = trunk_channels(config, resolution, widths)
        if name == "color" and decoder.head_source == "matching":
            trunk = [decoder.color_channels[0]]
        inputs = channels[source_level(config, resolution)]
        for index, width in enumerate(trunk):
            shapes |= _convolution(f"{name}_trunk.{2 * index}", inputs, width, 3)
            inputs = width
        heads |= _convolution(f"{name}_head", inputs, outputs, side)
    return shapes | heads


def _convolution(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def log2(value: int) -> int:
    """Return the logarithm of a power of two."""
    return value.bit_length() - 1
