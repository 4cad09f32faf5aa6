"""The map decoder as compute shaders (OpenGL 4.3): layers are tiled matrix products."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.video import VolumetricVideo
from renderer.opengl.decode import Layer, ShaderDecoder, halves
from renderer.opengl.programs import ComputeProgram, SharedPrograms

INPUT_BLOCK, OUTPUT_BLOCK, PIXEL_BLOCK = 16, 64, 64
"""Input channels, output channels and pixels of a tile of the matrix products (shaders/opengl/convolution.comp)."""

MAX_MULTIPLY_ADDS = 1 << 30
"""Multiply-adds of a dispatch, so that none takes longer than some 50 ms on a slow card."""

ACTIVATIONS, PLANES, HEADS = range(3)
"""What a layer writes (shaders/opengl/convolution.comp)."""


@dataclass(frozen=True)
class _Stored:
    """A layer on the graphics card."""

    weights: moderngl.Buffer
    biases: moderngl.Buffer
    uniforms: dict[str, int | float]
    result_bytes: int
    """Size of the activations that it writes."""
    groups: tuple[int, int, int]
    """Blocks of pixels, blocks of output channels, parities."""
    dispatch_blocks: int
    """Blocks of output channels per dispatch."""


class ComputeDecoder(ShaderDecoder[_Stored, moderngl.Buffer]):
    """The decoder with compute shaders. Activations are buffers, [pixel][channel]."""

    def __init__(self, context: moderngl.Context, video: VolumetricVideo, programs: SharedPrograms | None = None) -> None:
        programs = programs or SharedPrograms(context)
        definitions = [{"TARGET": target} for target in (ACTIVATIONS, PLANES, HEADS)]
        self._programs = [programs.compute("convolution.comp", defined) for defined in definitions]
        super().__init__(context, video)

    def _store(self, layer: Layer) -> _Stored:
        parities, taps, inputs, outputs = layer.kernels.shape
        kernels = halves(layer.kernels.swapaxes(2, 3), INPUT_BLOCK).swapaxes(2, 3)
        uniforms = {
            "input_side": layer.input_side,
            "input_blocks": blocks(inputs, INPUT_BLOCK),
            "output_blocks": blocks(outputs, OUTPUT_BLOCK),
            "output_channels": outputs,
            "bias_pixels": len(layer.biases),
        }
        groups = (blocks(layer.output_side**2 // parities, PIXEL_BLOCK), blocks(outputs, OUTPUT_BLOCK), parities)
        work = PIXEL_BLOCK * groups[0] * parities * taps * inputs * OUTPUT_BLOCK
        return _Stored(
            self._upload(halves(kernels, OUTPUT_BLOCK)),
            self._upload(halves(layer.biases, OUTPUT_BLOCK)),
            layer.uniforms | uniforms,
            2 * layer.output_side**2 * blocks(outputs, INPUT_BLOCK) * INPUT_BLOCK,
            groups,
            max(1, MAX_MULTIPLY_ADDS // work),
        )

    def _ordered(self, x: NDArray[np.float32]) -> NDArray[np.float16]:
        return halves(x, INPUT_BLOCK)

    def _upload_first(self, data: bytes) -> moderngl.Buffer:
        return self._context.buffer(data)

    def _activate(self, layer: _Stored, x: moderngl.Buffer) -> moderngl.Buffer:
        result = self._context.buffer(reserve=layer.result_bytes)
        result.bind_to_storage_buffer(3)
        self._run(layer, self._programs[ACTIVATIONS], x)
        return result

    def _write(self, layer: _Stored, x: moderngl.Buffer, target: moderngl.TextureArray, heads: bool) -> None:
        target.bind_to_image(0, read=False, write=True)
        program = self._programs[HEADS if heads else PLANES]
        program.set(parameters=self._config.color_head_parameters)
        self._run(layer, program, x)

    def _run(self, layer: _Stored, program: ComputeProgram, x: moderngl.Buffer) -> None:
        for binding, buffer in enumerate((x, layer.weights, layer.biases)):
            buffer.bind_to_storage_buffer(binding)
        program.set(**layer.uniforms)
        pixels, channels, parities = layer.groups
        for first in range(0, channels, layer.dispatch_blocks):
            program.set(first_block=first)
            program.run(pixels, min(layer.dispatch_blocks, channels - first), parities)

    def _upload(self, values: NDArray[np.float16]) -> moderngl.Buffer:
        data, limit = values.tobytes(), int(self._context.info["GL_MAX_SHADER_STORAGE_BLOCK_SIZE"])
        if len(data) > limit:
            raise InputError("decoder", f"has a layer of {len(data):,} bytes; this graphics driver allows {limit:,}")
        return self._context.buffer(data)


def blocks(count: int, size: int) -> int:
    """Return the number of blocks of a size that hold `count` items."""
    return -(-count // size)
