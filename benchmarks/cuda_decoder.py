"""Estimate how much less time the decoder takes per frame when it decodes several together, from the sizes of its layers."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import nn

from model.config import ModelConfig
from model.decoder import EqualizedUpsample, MapDecoder

TILES = {(128, 128): 0.6, (128, 64): 0.5, (64, 64): 0.4, (128, 32): 0.35}
"""Pixels and channels that a block computes, and the assumed share of its multiprocessor's rate. Small tiles read more."""

SPLITS = (1, 2, 4, 8, 16)
"""Into how many blocks the sum over a layer's inputs may be split."""


@dataclass(frozen=True)
class Layer:
    """A layer as a matrix product."""

    pixels: int
    """Pixels of its output."""
    channels: int
    """Channels of its output."""
    inputs: int
    """Products that each output is the sum of."""


@functools.cache
def layers(config: ModelConfig) -> tuple[Layer, ...]:
    """Return the layers of a decoder."""
    found: list[Layer] = []

    def note(module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        weight = module.get_parameter("weight")
        if isinstance(module, EqualizedUpsample):  # a stride-2 kernel of 4x4 gives each output pixel 2x2 products per channel
            found.append(Layer(output.shape[2:].numel(), output.shape[1], weight.shape[0] * 4))
        else:
            pixels = output.shape[2:].numel() if weight.ndim == 4 else 1
            found.append(Layer(pixels, output.shape[1], weight[0].numel()))

    decoder = MapDecoder(config).eval()
    hooks = [m.register_forward_hook(note) for m in decoder.modules() if "weight" in dict(m.named_parameters(recurse=False))]
    with torch.no_grad():
        decoder(torch.zeros(1, config.decoder.latent_channels))
    for hook in hooks:
        hook.remove()
    return tuple(found)


def layer_seconds(layer: Layer, frames: int, multiprocessors: int, tensor: float, launch: float) -> float:
    """Return the time of a layer for several frames: whole waves of blocks on all multiprocessors, with the best tiles.

    Args:
        layer: the layer.
        frames: frames decoded together.
        multiprocessors: of the GPU.
        tensor: operations per second of all of them.
        launch: seconds between two kernels.
    """

    def waves(tile: tuple[int, int], split: int) -> float:
        blocks = math.ceil(frames * layer.pixels / tile[0]) * math.ceil(layer.channels / tile[1]) * split
        return math.ceil(blocks / multiprocessors) * 2 * tile[0] * tile[1] * layer.inputs / split / TILES[tile]

    return min(waves(tile, split) for tile in TILES for split in SPLITS) * multiprocessors / tensor + launch


def share_together(config: ModelConfig, frames: int, multiprocessors: int, tensor: float, launch: float) -> float:
    """Return the time per frame of decoding several frames together, relative to decoding them one by one."""

    def total(count: int) -> float:
        return sum(layer_seconds(layer, count, multiprocessors, tensor, launch) for layer in layers(config))

    return total(frames) / frames / total(1)
