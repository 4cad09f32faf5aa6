"""The map decoder as fragment shaders, for drivers without compute shaders."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.video import VolumetricVideo
from renderer.opengl.decode import Layer, ShaderDecoder, halves
from renderer.opengl.layers import Layers
from renderer.opengl.programs import SharedPrograms


@dataclass(frozen=True)
class _Stored:
    """A layer on the graphics card."""

    weights: moderngl.TextureArray
    biases: moderngl.TextureArray
    uniforms: dict[str, int | float]
    side: int
    """Pixels along a side of the output."""
    groups: int
    """Output channels, four at a time."""
    fetches: int
    """Texel fetches of four output channels of a pixel."""


class FragmentDecoder(ShaderDecoder[_Stored, moderngl.TextureArray]):
    """The decoder with fragment shaders. Activations are texture arrays of four channels per layer."""

    def __init__(self, context: moderngl.Context, video: VolumetricVideo, programs: SharedPrograms | None = None) -> None:
        programs = programs or SharedPrograms(context)
        self._programs = [programs.layered("convolution.frag", {"HEADS": heads}) for heads in (0, 1)]
        super().__init__(context, video)

    def _store(self, layer: Layer) -> _Stored:
        kernels = halves(halves(layer.kernels.swapaxes(2, 3), 4).swapaxes(2, 3), 4)
        parities, taps, inputs, outputs = kernels.shape
        fours = kernels.reshape(parities * taps, inputs, outputs // 4, 4).swapaxes(1, 2)
        biases = halves(layer.biases, 4).reshape(len(layer.biases), -1, 4)
        per_pixel = len(biases) > 1
        side = layer.output_side
        placed = biases.reshape(side, side, -1, 4).transpose(2, 0, 1, 3) if per_pixel else biases[None]
        uniforms = layer.uniforms | {"bias_per_pixel": per_pixel}
        fetches = 5 * fours.shape[2] // 4 * layer.kernels.shape[1]
        return _Stored(self._upload(fours), self._upload(placed), uniforms, side, fours.shape[1], fetches)

    def _ordered(self, x: NDArray[np.float32]) -> NDArray[np.float16]:
        return halves(x, 4).reshape(4, 4, -1, 4).transpose(2, 0, 1, 3)

    def _upload_first(self, data: bytes) -> moderngl.TextureArray:
        return self._context.texture_array((4, 4, len(data) // (4 * 4 * 4 * 2)), 4, data, dtype="f2")

    def _activate(self, layer: _Stored, x: moderngl.TextureArray) -> moderngl.TextureArray:
        target = self._context.texture_array((layer.side, layer.side, layer.groups), 4, dtype="f2")
        self._write(layer, x, target, heads=False)
        return target

    def _write(self, layer: _Stored, x: moderngl.TextureArray, target: moderngl.TextureArray, heads: bool) -> None:
        program = self._programs[heads]
        program.bind(inputs=x, weights=layer.weights, biases=layer.biases)
        program.set(**layer.uniforms, parameters=self._config.color_head_parameters)
        Layers(self._context, target).draw(program, target.size[2], fetches=layer.fetches)

    def _upload(self, values: NDArray[np.float16]) -> moderngl.TextureArray:
        """Upload half floats (layers, rows, columns, 4)."""
        layers, rows, columns, _ = values.shape
        limits = {"GL_MAX_TEXTURE_SIZE": max(rows, columns), "GL_MAX_ARRAY_TEXTURE_LAYERS": layers}
        for name, size in limits.items():
            if size > int(self._context.info[name]):
                raise InputError("decoder", f"has a layer of {size} texels; {name} of this graphics driver is less")
        return self._context.texture_array((columns, rows, layers), 4, values.tobytes(), dtype="f2")
