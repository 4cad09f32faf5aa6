"""A faster map decoder: channels-last layout, on the CPU or on PyTorch's accelerator, and bfloat16 on processors that have
bfloat16 instructions.

Only the color maps are computed in bfloat16. Feature planes and density maps stay in float32: the place of a surface depends
on them, and rounding them to bfloat16 moves some pixels by more than the 3/255 that backends may differ by.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from model.config import FEATURE_CHANNELS
from model.decoder_layout import LEAK
from model.video import VolumetricVideo
from renderer.decoder_layers import ConvolutionLayer, decoder_layers

_Layers = Sequence[Callable[[torch.Tensor], torch.Tensor]]

_CPU = torch.device("cpu")

Maps = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Feature planes (3, 32, H, W), density MLP maps (planes, 32, H, W), color MLP maps (planes, N, N, parameters)."""


def accelerator() -> torch.device | None:
    """Return the device that PyTorch can use besides the CPU (cuda, mps, xpu), or None."""
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None


def multiplies_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 itself (AMX or AVX-512), faster than float32."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def as_arrays(maps: Maps) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return decoded maps, which may be bfloat16 or on an accelerator, as float32 arrays of the same shapes."""
    features, densities, colors = (m.float().cpu().numpy() for m in maps)
    return features, densities, colors


@dataclass(frozen=True)
class _Layer:
    """A layer whose weights are stored in the type and memory order of the computation."""

    source: ConvolutionLayer
    weight: torch.Tensor
    bias: torch.Tensor

    @staticmethod
    def of(source: ConvolutionLayer, device: torch.device, dtype: torch.dtype = torch.float32) -> _Layer:
        weight = torch.as_tensor(source.weights, dtype=dtype, device=device).contiguous(memory_format=torch.channels_last)
        bias = torch.as_tensor(source.bias, dtype=dtype, device=device)
        side = math.isqrt(len(bias))
        return _Layer(source, weight, bias.T.reshape(1, -1, side, side) if source.transposed else bias[0])

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.source.transposed:
            x = functional.conv_transpose2d(x, self.weight, stride=2, padding=1)
            return functional.leaky_relu_(x.add_(self.bias), self.source.leak)
        padding = self.weight.shape[-1] // 2
        x = functional.conv2d(x.to(self.weight.dtype), self.weight, self.bias, stride=self.source.stride, padding=padding)
        return x if self.source.leak == 1 else functional.relu_(x)


@dataclass(frozen=True)
class _ColorHead:
    """The last convolution before the color maps as one matrix product, since it has few pixels and very many channels.

    These are most of the decoder's weights. As a convolution, oneDNN would copy them to another memory order at each call. As
    the left matrix of a product, they are not copied.
    """

    weight: torch.Tensor
    """(planes * parameters, inputs * kernel^2)."""
    bias: torch.Tensor
    """(planes * parameters, 1)."""
    kernel: int

    @staticmethod
    def of(source: ConvolutionLayer, device: torch.device, dtype: torch.dtype) -> _ColorHead:
        weight = torch.as_tensor(source.weights, dtype=dtype, device=device).flatten(1).contiguous()
        return _ColorHead(weight, torch.as_tensor(source.bias.T, dtype=dtype, device=device), source.weights.shape[-1])

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        columns = functional.unfold(x.to(self.weight.dtype), self.kernel, padding=self.kernel // 2)[0]
        return torch.addmm(self.bias, self.weight, columns).unflatten(1, x.shape[2:])[None]


class FastDecoder:
    """A video's map decoder for inference, with weights converted once.

    Args:
        video: the video; later changes of its weights may have no effect.
        bfloat16: compute the color maps in bfloat16. None does so where the processor multiplies bfloat16 itself.
        device: where to decode.
    """

    def __init__(self, video: VolumetricVideo, bfloat16: bool | None = None, device: torch.device = _CPU) -> None:
        if device.type != "cpu":
            bfloat16 = False
        low = torch.bfloat16 if (multiplies_bfloat16() if bfloat16 is None else bfloat16) else torch.float32
        self._device = device
        self.config = video.config
        layers = decoder_layers(video)
        weight, bias = layers.linear
        self._linear = torch.as_tensor(weight, device=device), torch.as_tensor(bias, device=device)
        self._upsamples = [_Layer.of(layer, device) for layer in layers.upsamples]
        # Two heads, not one on the same input: oneDNN's float32 kernel is a fifth slower at twice the channels.
        self._branches: list[tuple[int, _Layers]] = [
            (branch.level, [_Layer.of(layer, device) for layer in branch.layers])
            for branch in (layers.features, layers.densities)
        ]
        *trunk, head = layers.colors.layers
        colors: _Layers = *(_Layer.of(layer, device, low) for layer in trunk), _ColorHead.of(head, device, low)
        self._branches.append((layers.colors.level, colors))

    @torch.no_grad()
    def __call__(self, latent: ArrayLike) -> Maps:
        """Decode one latent (D,); color maps may be bfloat16, all are on the device and in any memory order."""
        pyramid = self._pyramid(torch.as_tensor(latent, device=self._device))
        features, densities, colors = (
            functools.reduce(lambda x, layer: layer(x), layers, pyramid[level])[0] for level, layers in self._branches
        )
        return (
            features.unflatten(0, (3, FEATURE_CHANNELS)),
            densities.unflatten(0, (-1, FEATURE_CHANNELS)),
            colors.unflatten(0, (-1, self.config.color_head_parameters)).permute(0, 2, 3, 1),
        )

    def _pyramid(self, latent: torch.Tensor) -> list[torch.Tensor]:
        x = functional.leaky_relu(functional.linear(latent[None], *self._linear), LEAK).view(1, -1, 4, 4)
        pyramid = [x.contiguous(memory_format=torch.channels_last)]
        for upsample in self._upsamples:
            pyramid.append(upsample(pyramid[-1]))
        return pyramid
