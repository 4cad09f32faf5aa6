"""The layers of a video's map decoder as arrays. Factors on weights are multiplied out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ModelConfig
from model.decoder_layout import LEAK, equalized_scale, source_level, upsample_scale
from model.video import VolumetricVideo

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ConvolutionLayer:
    """A convolution with zero padding, or a transposed one with stride 2."""

    weights: Floats
    """(outputs, inputs, k, k), or (inputs, outputs, 4, 4) of a transposed convolution."""
    bias: Floats
    """(1 or output pixels, outputs)."""
    stride: int
    """Input pixels from one output pixel to the next; 2 for a transposed convolution."""
    leak: float
    """Slope of the activation below 0. 1 means no activation."""
    transposed: bool = False
    """Whether it doubles the resolution."""


@dataclass(frozen=True)
class Branch:
    """The layers between the backbone and a map."""

    level: int
    """Level of the backbone's pyramid that the first layer reads; 0 has 4 x 4 pixels."""
    layers: list[ConvolutionLayer]
    """In order; the last one is the head."""


@dataclass(frozen=True)
class DecoderLayers:
    """All layers of a decoder."""

    config: ModelConfig
    """Hyper-parameters."""
    linear: tuple[Floats, Floats]
    """Weight (16 channels, D) and bias of the layer that makes the 4 x 4 pixels."""
    upsamples: list[ConvolutionLayer]
    """The transposed convolutions of the backbone."""
    features: Branch
    """To the feature planes, 3 * 32 channels."""
    densities: Branch
    """To the density maps, planes * 32 channels, their gain included."""
    colors: Branch
    """To the color maps, planes * parameters channels."""

    def first_activation(self, latent: Floats) -> Floats:
        """Return the backbone's first feature of a latent (D,): (16 pixels, channels)."""
        weight, bias = self.linear
        x = weight @ latent + bias
        return np.ascontiguousarray(np.maximum(x, np.float32(LEAK) * x).reshape(-1, 16).T)


def decoder_layers(video: VolumetricVideo) -> DecoderLayers:
    """Return the layers of a video's decoder."""
    config, weights = video.config, video.decoder_weights
    channels, gain = config.decoder.backbone_channels, np.float32(config.decoder.density_gain)
    scale = np.float32(equalized_scale(config.decoder.latent_channels))
    linear = weights["backbone.linear.weight"] * scale, weights["backbone.linear.bias"]
    upsamples = [_upsample(weights, index, inputs) for index, inputs in enumerate(channels[:-1])]
    return DecoderLayers(
        config,
        linear,
        upsamples,
        _branch(weights, config, "feature", config.feature_plane_resolution),
        _branch(weights, config, "density", config.density_map_resolution, gain),
        _branch(weights, config, "color", config.color_map_resolution),
    )


def _upsample(weights: dict[str, Floats], index: int, inputs: int) -> ConvolutionLayer:
    weight = weights[f"backbone.upsamples.{index}.weight"] * np.float32(upsample_scale(inputs))
    bias = weights[f"backbone.upsamples.{index}.bias"]
    return ConvolutionLayer(weight, np.ascontiguousarray(bias.reshape(len(bias), -1).T), 2, LEAK, transposed=True)


def _branch(
    weights: dict[str, Floats], config: ModelConfig, name: str, resolution: int, gain: np.float32 = np.float32(1)
) -> Branch:
    trunk = sorted((key for key in weights if key.startswith(f"{name}_trunk.") and key.endswith(".weight")), key=_number)
    stride = 1 if config.decoder.head_source == "matching" else 2
    layers = [ConvolutionLayer(weights[key], weights[key.replace("weight", "bias")][None], stride, 0.0) for key in trunk]
    head = weights[f"{name}_head.weight"] * gain, weights[f"{name}_head.bias"][None] * gain
    return Branch(source_level(config, resolution), [*layers, ConvolutionLayer(*head, 1, 1.0)])


def _number(name: str) -> int:
    return int(name.split(".")[1])
