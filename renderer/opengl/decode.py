"""The map decoder on the graphics card: the layers in order, for compute shaders and for fragment shaders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import moderngl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from model.config import FEATURE_CHANNELS
from model.decoder import EqualizedUpsample, MapDecoder
from model.decoder_layout import LEAK
from renderer.baked import density_planes
from renderer.opengl.bake import MapTextures

Stored = TypeVar("Stored")
"""A layer in the graphics card's memory."""

Activation = TypeVar("Activation")
"""What a layer writes for the next one."""


@dataclass(frozen=True)
class Layer:
    """A convolution or transposed convolution."""

    kernels: torch.Tensor
    """(parities, taps, inputs, outputs). Each parity of the output pixels of a transposed convolution has its own kernel."""
    biases: torch.Tensor
    """(1 or output pixels, outputs)."""
    input_side: int
    """Pixels along a side."""
    output_side: int
    """Pixels along a side."""
    stride: int
    """Input pixels from one output pixel to the next; of the same parity if there are several."""
    leak: float
    """Slope of the activation below 0. 1 means no activation."""

    @property
    def uniforms(self) -> dict[str, int | float]:
        """The uniforms that both shaders have."""
        parities, taps = self.kernels.shape[:2]
        return {
            "output_side": self.output_side,
            "taps": round(taps**0.5),
            "stride": self.stride,
            "parities": round(parities**0.5),
            "leak": self.leak,
        }


class ShaderDecoder(ABC, Generic[Stored, Activation]):
    """A `MapDecoder` for inference, its weights in the graphics card's memory as half floats.

    Args:
        context: the renderer's context; current in the calling thread except in `first_activation`.
        decoder: the decoder; later changes of its weights have no effect.

    Raises:
        InputError: the driver rejects the shaders, or a layer exceeds its limits.
    """

    def __init__(self, context: moderngl.Context, decoder: MapDecoder) -> None:
        self._context = context
        self._config = config = decoder.config
        linear = decoder.backbone.linear
        self._linear = (linear.weight.detach() * linear.scale, linear.bias.detach())
        upsamples = [layer for layer in decoder.backbone.upsamples if isinstance(layer, EqualizedUpsample)]
        self._upsamples = [self._store(_upsample(layer, 4 << level)) for level, layer in enumerate(upsamples)]
        self._features = self._branch(decoder.feature_trunk, decoder.feature_head, config.feature_plane_resolution)
        density_head = _distinct_density_head(decoder)
        self._densities = self._branch(decoder.density_trunk, density_head, config.density_map_resolution)
        self._colors = self._branch(decoder.color_trunk, decoder.color_head, config.color_map_resolution)

    def first_activation(self, latent: NDArray[np.float32]) -> bytes:
        """Return the backbone's first feature of a latent (D,) as the layers store it. May be called in any thread."""
        with torch.no_grad():
            x = functional.leaky_relu(functional.linear(torch.from_numpy(latent), *self._linear), LEAK).view(-1, 16)
            return self._ordered(x).numpy().tobytes()

    def __call__(self, first_activation: bytes) -> MapTextures:
        """Decode a frame from its first activation."""
        config = self._config
        pyramid = [self._upload_first(first_activation)]
        for layer in self._upsamples:
            pyramid.append(self._activate(layer, pyramid[-1]))
        feature_side, density_side = config.feature_plane_resolution, config.density_map_resolution
        features = self._plane_texture(feature_side, 3)
        densities = self._plane_texture(density_side, len(density_planes(config)))
        heads = (config.color_head_parameters // 4, config.color_map_resolution**2, len(config.mlp_planes))
        colors = self._context.texture_array(heads, 4, dtype="f2")
        self._run_branch(self._features, self._source(pyramid, feature_side), features)
        self._run_branch(self._densities, self._source(pyramid, density_side), densities)
        self._run_branch(self._colors, self._source(pyramid, config.color_map_resolution), colors, heads=True)
        return MapTextures(features, densities, colors)

    @abstractmethod
    def _store(self, layer: Layer) -> Stored:
        """Upload a layer."""

    @abstractmethod
    def _ordered(self, x: torch.Tensor) -> torch.Tensor:
        """Return the first activation (channels, 16 pixels) as half floats in the order of `_upload_first`."""

    @abstractmethod
    def _upload_first(self, data: bytes) -> Activation:
        """Upload the first activation."""

    @abstractmethod
    def _activate(self, layer: Stored, x: Activation) -> Activation:
        """Run a layer whose result the next one reads."""

    @abstractmethod
    def _write(self, layer: Stored, x: Activation, target: moderngl.TextureArray, heads: bool) -> None:
        """Run a layer whose result is a map: color maps if `heads`, else four channels per layer of the texture array."""

    def _run_branch(self, layers: list[Stored], x: Activation, target: moderngl.TextureArray, heads: bool = False) -> None:
        for layer in layers[:-1]:
            x = self._activate(layer, x)
        self._write(layers[-1], x, target, heads)

    def _plane_texture(self, side: int, planes: int) -> moderngl.TextureArray:
        texture = self._context.texture_array((side, side, planes * FEATURE_CHANNELS // 4), 4, dtype="f2")
        texture.repeat_x = texture.repeat_y = False
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        return texture

    def _source(self, pyramid: list[Activation], resolution: int) -> Activation:
        return pyramid[self._source_level(resolution)]

    def _source_level(self, resolution: int) -> int:
        """Return the level of the backbone that the branch of a map of `resolution` reads."""
        if self._config.decoder.head_source == "matching":
            return (resolution // 4).bit_length() - 1
        return len(self._config.decoder.backbone_channels) - 1

    def _branch(self, trunk: nn.Module, head: nn.Conv2d, resolution: int) -> list[Stored]:
        """Upload the layers between the backbone and a map."""
        side, layers = 4 << self._source_level(resolution), []
        for convolution in (layer for layer in trunk.children() if isinstance(layer, nn.Conv2d)):
            layers.append(self._store(_convolution(convolution, side, leak=0.0)))
            side //= convolution.stride[0]
        return [*layers, self._store(_convolution(head, side, leak=1.0))]


def halves(values: torch.Tensor, multiple: int = 1) -> torch.Tensor:
    """Round values to half floats, and pad the last axis with zeros to a multiple."""
    return functional.pad(values.float(), (0, -values.shape[-1] % multiple)).half().contiguous()


def _convolution(layer: nn.Conv2d, side: int, leak: float) -> Layer:
    stride = layer.stride[0]
    assert layer.bias is not None
    kernels = layer.weight.detach().permute(2, 3, 1, 0).flatten(0, 1)[None]
    return Layer(kernels, layer.bias.detach()[None], side, side // stride, stride, leak)


def _upsample(layer: EqualizedUpsample, side: int) -> Layer:
    weight = layer.weight.detach() * layer.scale
    parities = [weight[:, :, 1 - row :: 2, 1 - column :: 2] for row in range(2) for column in range(2)]
    kernels = torch.stack([kernel.permute(2, 3, 0, 1).flatten(0, 1) for kernel in parities])
    return Layer(kernels, layer.bias.detach().flatten(1).T, side, 2 * side, 1, LEAK)


def _distinct_density_head(decoder: MapDecoder) -> nn.Conv2d:
    """Return the density head with its gain, the channels of maps on the same plane summed."""
    head, gain, planes = decoder.density_head, decoder.config.decoder.density_gain, density_planes(decoder.config)
    assert head.bias is not None
    weights, biases = (p.detach().unflatten(0, (-1, FEATURE_CHANNELS)) * gain for p in (head.weight, head.bias))
    summed = nn.Conv2d(head.in_channels, len(planes) * FEATURE_CHANNELS, head.kernel_size, padding=head.padding)  # type: ignore[arg-type]
    summed.weight.data = torch.cat([weights[indices].sum(0) for _, indices in planes])
    summed.bias.data = torch.cat([biases[indices].sum(0) for _, indices in planes])  # type: ignore[union-attr]
    return summed
