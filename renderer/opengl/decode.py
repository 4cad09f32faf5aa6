"""The map decoder as compute shaders, so that any graphics card with OpenGL 4.3 decodes new frames."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import moderngl
import torch
from torch import nn
from torch.nn import functional

from common.errors import InputError
from model.config import FEATURE_CHANNELS
from model.decoder import LEAK, EqualizedUpsample, MapDecoder
from renderer.baked import density_planes
from renderer.opengl.bake import MapTextures
from renderer.opengl.programs import ComputeProgram

INPUT_BLOCK, OUTPUT_BLOCK, PIXEL_BLOCK = 16, 64, 64
"""Input channels, output channels and pixels of a tile of the matrix products (shaders/opengl/convolution.comp)."""

MAX_MULTIPLY_ADDS = 1 << 30
"""Multiply-adds of a dispatch, so that none takes longer than some 50 ms on a slow card."""


Result = moderngl.Buffer | moderngl.TextureArray


class Target(IntEnum):
    """What a layer writes."""

    ACTIVATIONS = 0
    """A buffer that the next layer reads."""
    PLANES = 1
    """A texture array of four channels per layer."""
    HEADS = 2
    """A texture array of one row per color head."""


@dataclass
class _Layer:
    """A convolution or transposed convolution on the graphics card."""

    weights: moderngl.Buffer
    biases: moderngl.Buffer
    uniforms: dict[str, int | float]
    groups: tuple[int, int, int]
    """Blocks of pixels, blocks of output channels, parities."""
    dispatch_blocks: int
    """Blocks of output channels per dispatch."""


class ShaderDecoder:
    """A `MapDecoder` for inference, its weights in the graphics card's memory as half floats.

    Args:
        context: the renderer's context, with OpenGL 4.3; current in the calling thread except in `first_activation`.
        decoder: the decoder; later changes of its weights have no effect.

    Raises:
        InputError: the driver rejects the shaders, or its buffers are too small for a layer's weights.
    """

    def __init__(self, context: moderngl.Context, decoder: MapDecoder) -> None:
        self._context = context
        self._config = config = decoder.config
        self._programs = [ComputeProgram(context, "convolution.comp", {"TARGET": target}) for target in Target]
        linear = decoder.backbone.linear
        self._linear = (linear.weight.detach() * linear.scale, linear.bias.detach())
        sides = [4 << level for level in range(len(decoder.backbone.upsamples) + 1)]
        self._upsamples = [
            self._upsample(layer, side)  # type: ignore[arg-type]
            for layer, side in zip(decoder.backbone.upsamples, sides, strict=False)
        ]
        self._features = self._branch(decoder.feature_trunk, decoder.feature_head, config.feature_plane_resolution)
        self._densities = self._branch(decoder.density_trunk, _distinct_density_head(decoder), config.density_map_resolution)
        self._colors = self._branch(decoder.color_trunk, decoder.color_head, config.color_map_resolution)

    def first_activation(self, latent: torch.Tensor) -> bytes:
        """Return the backbone's first feature of a latent (D,) as the layers store it. May be called in any thread."""
        with torch.no_grad():
            x = functional.leaky_relu(functional.linear(latent, *self._linear), LEAK).view(-1, 16).T
            return _padded(x, INPUT_BLOCK).numpy().tobytes()

    def __call__(self, first_activation: bytes) -> MapTextures:
        """Decode a frame from its first activation."""
        config = self._config
        pyramid = [self._context.buffer(first_activation)]
        for layer in self._upsamples:
            pyramid.append(self._activate(layer, pyramid[-1]))
        planes = self._planes(self._features, pyramid, config.feature_plane_resolution, 3)
        densities = self._planes(self._densities, pyramid, config.density_map_resolution, len(density_planes(config)))
        heads = (config.color_head_parameters // 4, config.color_map_resolution**2, len(config.mlp_planes))
        colors = self._context.texture_array(heads, 4, dtype="f2")
        *trunk, head = self._colors
        x = self._source(pyramid, config.color_map_resolution)
        for layer in trunk:
            x = self._activate(layer, x)
        self._run(head, Target.HEADS, x, colors, parameters=config.color_head_parameters)
        return MapTextures(planes, densities, colors)

    def _planes(
        self, layers: list[_Layer], pyramid: list[moderngl.Buffer], resolution: int, planes: int
    ) -> moderngl.TextureArray:
        texture = self._context.texture_array((resolution, resolution, planes * FEATURE_CHANNELS // 4), 4, dtype="f2")
        texture.repeat_x = texture.repeat_y = False
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        x = self._source(pyramid, resolution)
        for layer in layers[:-1]:
            x = self._activate(layer, x)
        self._run(layers[-1], Target.PLANES, x, texture)
        return texture

    def _activate(self, layer: _Layer, x: moderngl.Buffer) -> moderngl.Buffer:
        side, channels = int(layer.uniforms["output_side"]), int(layer.uniforms["output_channels"])
        result = self._context.buffer(reserve=2 * side * side * -(-channels // INPUT_BLOCK) * INPUT_BLOCK)
        self._run(layer, Target.ACTIVATIONS, x, result)
        return result

    def _run(
        self,
        layer: _Layer,
        target: Target,
        x: moderngl.Buffer,
        result: moderngl.Buffer | moderngl.TextureArray,
        **uniforms: int,
    ) -> None:
        program = self._programs[target]
        for binding, buffer in enumerate((x, layer.weights, layer.biases)):
            buffer.bind_to_storage_buffer(binding)
        if isinstance(result, moderngl.Buffer):
            result.bind_to_storage_buffer(3)
        else:
            result.bind_to_image(0, read=False, write=True)
        program.set(**layer.uniforms, **uniforms)
        pixels, blocks, parities = layer.groups
        for first in range(0, blocks, layer.dispatch_blocks):
            program.set(first_block=first)
            program.run(pixels, min(layer.dispatch_blocks, blocks - first), parities)

    def _source(self, pyramid: list[moderngl.Buffer], resolution: int) -> moderngl.Buffer:
        return pyramid[self._source_level(resolution)]

    def _source_level(self, resolution: int) -> int:
        """Return the level of the backbone that the branch of a map of `resolution` reads."""
        if self._config.decoder.head_source == "matching":
            return (resolution // 4).bit_length() - 1
        return len(self._config.decoder.backbone_channels) - 1

    def _branch(self, trunk: nn.Module, head: nn.Conv2d, resolution: int) -> list[_Layer]:
        """Convert the layers between the backbone and a map."""
        side, layers = 4 << self._source_level(resolution), []
        for convolution in (layer for layer in trunk.children() if isinstance(layer, nn.Conv2d)):
            layers.append(self._convolution(convolution, side, leak=0.0))
            side //= convolution.stride[0]
        return [*layers, self._convolution(head, side, leak=1.0)]

    def _convolution(self, layer: nn.Conv2d, side: int, leak: float) -> _Layer:
        taps, stride = layer.kernel_size[0], layer.stride[0]
        assert layer.bias is not None
        kernels = layer.weight.detach().permute(2, 3, 1, 0).reshape(1, taps * taps, layer.in_channels, layer.out_channels)
        return self._layer(kernels, layer.bias.detach()[None], side, side // stride, stride, leak)

    def _upsample(self, layer: EqualizedUpsample, side: int) -> _Layer:
        weight = layer.weight.detach() * layer.scale
        kernels = torch.stack(
            [
                weight[:, :, 1 - row :: 2, 1 - column :: 2].permute(2, 3, 0, 1).flatten(0, 1)
                for row in range(2)
                for column in range(2)
            ]
        )
        return self._layer(kernels, layer.bias.detach().flatten(1).T, side, 2 * side, 1, LEAK)

    def _layer(
        self, kernels: torch.Tensor, biases: torch.Tensor, side: int, output_side: int, stride: int, leak: float
    ) -> _Layer:
        """Upload a layer: kernels (parities, taps, inputs, outputs) and biases (1 or pixels, outputs)."""
        parities, taps, inputs, outputs = kernels.shape
        stored = _padded(kernels.transpose(2, 3), INPUT_BLOCK).transpose(2, 3)
        uniforms = {
            "input_side": side,
            "output_side": output_side,
            "input_blocks": -(-inputs // INPUT_BLOCK),
            "output_blocks": -(-outputs // OUTPUT_BLOCK),
            "output_channels": outputs,
            "taps": round(taps**0.5),
            "stride": stride,
            "parities": round(parities**0.5),
            "bias_pixels": len(biases),
            "leak": leak,
        }
        pixels, blocks = -(-(output_side**2) // parities // PIXEL_BLOCK), -(-outputs // OUTPUT_BLOCK)
        work = PIXEL_BLOCK * pixels * parities * taps * inputs * OUTPUT_BLOCK
        weights, bias = (self._upload(_padded(tensor, OUTPUT_BLOCK)) for tensor in (stored, biases))
        return _Layer(weights, bias, uniforms, (pixels, blocks, parities), max(1, MAX_MULTIPLY_ADDS // work))

    def _upload(self, values: torch.Tensor) -> moderngl.Buffer:
        data, limit = values.contiguous().numpy().tobytes(), int(self._context.info["GL_MAX_SHADER_STORAGE_BLOCK_SIZE"])
        if len(data) > limit:
            raise InputError("decoder", f"has a layer of {len(data):,} bytes; this graphics driver allows {limit:,}")
        return self._context.buffer(data)


def _padded(values: torch.Tensor, multiple: int) -> torch.Tensor:
    """Round the last axis up to a multiple, and the values to half floats."""
    return functional.pad(values.float(), (0, -values.shape[-1] % multiple)).half().contiguous()


def _distinct_density_head(decoder: MapDecoder) -> nn.Conv2d:
    """Return the density head with its gain, the channels of maps on the same plane summed."""
    head, gain, planes = decoder.density_head, decoder.config.decoder.density_gain, density_planes(decoder.config)
    assert head.bias is not None
    weights, biases = (p.detach().unflatten(0, (-1, FEATURE_CHANNELS)) * gain for p in (head.weight, head.bias))
    summed = nn.Conv2d(head.in_channels, len(planes) * FEATURE_CHANNELS, head.kernel_size, padding=head.padding)  # type: ignore[arg-type]
    summed.weight.data = torch.cat([weights[indices].sum(0) for _, indices in planes])
    summed.bias.data = torch.cat([biases[indices].sum(0) for _, indices in planes])  # type: ignore[union-attr]
    return summed
