"""The map decoder on the graphics card: the layers in order, for compute shaders and for fragment shaders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import moderngl
import numpy as np
from numpy.typing import NDArray

from common.half_floats import to_half
from model.config import FEATURE_CHANNELS, ModelConfig
from model.video import VolumetricVideo
from renderer.baked import density_planes
from renderer.decoder_layers import Branch, ConvolutionLayer, decoder_layers
from renderer.opengl.bake import MapTextures

Stored = TypeVar("Stored")
"""A layer in the graphics card's memory."""

Activation = TypeVar("Activation")
"""What a layer writes for the next one."""


@dataclass(frozen=True)
class Layer:
    """A convolution or transposed convolution."""

    kernels: NDArray[np.float32]
    """(parities, taps, inputs, outputs). Each parity of the output pixels of a transposed convolution has its own kernel."""
    biases: NDArray[np.float32]
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
    """The map decoder of a video, its weights in the graphics card's memory as half floats.

    The constructors of both kinds also take the `programs` that the decoders of a context share; without them, they compile
    their own.

    Args:
        context: the renderer's context; current in the calling thread except in `first_activation`.
        video: the video; later changes of its weights have no effect.

    Raises:
        InputError: the driver rejects the shaders, or a layer exceeds its limits.
    """

    def __init__(self, context: moderngl.Context, video: VolumetricVideo) -> None:
        self._context = context
        self._config = video.config
        self._layers = layers = decoder_layers(video)
        self._upsamples = [self._store(_upsample(layer, 4 << level)) for level, layer in enumerate(layers.upsamples)]
        self._features = self._branch(layers.features.level, layers.features.layers)
        self._densities = self._branch(layers.densities.level, _distinct_densities(layers.densities, video.config))
        self._colors = self._branch(layers.colors.level, layers.colors.layers)

    def first_activation(self, latent: NDArray[np.float32]) -> bytes:
        """Return the backbone's first feature of a latent (D,) as the layers store it. May be called in any thread."""
        return self._ordered(self._layers.first_activation(latent)).tobytes()

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
        self._run_branch(self._features, pyramid[self._layers.features.level], features)
        self._run_branch(self._densities, pyramid[self._layers.densities.level], densities)
        self._run_branch(self._colors, pyramid[self._layers.colors.level], colors, heads=True)
        return MapTextures(features, densities, colors)

    @abstractmethod
    def _store(self, layer: Layer) -> Stored:
        """Upload a layer."""

    @abstractmethod
    def _ordered(self, x: NDArray[np.float32]) -> NDArray[np.float16]:
        """Return the first activation (16 pixels, channels) as half floats in the order of `_upload_first`."""

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

    def _branch(self, level: int, convolutions: list[ConvolutionLayer]) -> list[Stored]:
        """Upload the layers between a level of the backbone and a map."""
        side, stored = 4 << level, []
        for convolution in convolutions:
            stored.append(self._store(_convolution(convolution, side)))
            side //= convolution.stride
        return stored


def halves(values: NDArray[np.floating], multiple: int = 1) -> NDArray[np.float16]:
    """Round values to half floats, and pad the last axis with zeros to a multiple."""
    padding = [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % multiple)]
    return to_half(np.pad(values.astype(np.float32), padding))


def _convolution(layer: ConvolutionLayer, side: int) -> Layer:
    outputs, inputs, *_ = layer.weights.shape
    kernels = layer.weights.transpose(2, 3, 1, 0).reshape(1, -1, inputs, outputs)
    return Layer(kernels, layer.bias, side, side // layer.stride, layer.stride, layer.leak)


def _upsample(layer: ConvolutionLayer, side: int) -> Layer:
    inputs, outputs, *_ = layer.weights.shape
    parities = [layer.weights[:, :, 1 - row :: 2, 1 - column :: 2] for row in range(2) for column in range(2)]
    kernels = np.stack([kernel.transpose(2, 3, 0, 1).reshape(-1, inputs, outputs) for kernel in parities])
    return Layer(kernels, layer.bias, side, 2 * side, 1, layer.leak)


def _distinct_densities(branch: Branch, config: ModelConfig) -> list[ConvolutionLayer]:
    """Return the layers to the density maps, those of maps on the same plane summed."""
    *trunk, head = branch.layers
    planes = [indices for _, indices in density_planes(config)]
    weights = head.weights.reshape(-1, FEATURE_CHANNELS, *head.weights.shape[1:])
    biases = head.bias.reshape(-1, FEATURE_CHANNELS)
    summed_weights = np.concatenate([weights[indices].sum(0) for indices in planes])
    summed_biases = np.concatenate([biases[indices].sum(0) for indices in planes])[None]
    return [*trunk, ConvolutionLayer(summed_weights, summed_biases, head.stride, head.leak)]
