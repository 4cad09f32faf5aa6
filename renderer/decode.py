"""A faster map decoder: channels-last layout, on the CPU or on PyTorch's accelerator, and bfloat16 on processors that have
bfloat16 instructions.

Only the color maps are computed in bfloat16. Feature planes and density maps stay in float32: the place of a surface depends
on them, and rounding them to bfloat16 moves some pixels by more than the 3/255 that backends may differ by.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.nn import functional

from model.config import FEATURE_CHANNELS
from model.decoder import EqualizedUpsample, MapDecoder
from model.decoder_layout import LEAK

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
    """Return decoded maps, which may be bfloat16 or on an accelerator, as arrays."""
    features, densities, colors = (m.float().cpu().numpy() for m in maps)
    return features, densities, colors


@dataclass(frozen=True)
class _Convolution:
    """A convolution whose weights are stored in the type and memory order of the computation."""

    weight: torch.Tensor
    bias: torch.Tensor
    stride: int

    @staticmethod
    def of(weight: torch.Tensor, bias: torch.Tensor, stride: int, dtype: torch.dtype) -> _Convolution:
        weight = weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        return _Convolution(weight, bias.detach().to(dtype), stride)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        padding = self.weight.shape[-1] // 2
        return functional.conv2d(x.to(self.weight.dtype), self.weight, self.bias, stride=self.stride, padding=padding)


@dataclass(frozen=True)
class _Upsample:
    """A transposed convolution, with its bias per pixel and its leaky ReLU."""

    weight: torch.Tensor
    bias: torch.Tensor

    @staticmethod
    def of(layer: EqualizedUpsample) -> _Upsample:
        weight, bias = layer.weight.detach() * layer.scale, layer.bias.detach()[None]
        channels_last = torch.channels_last
        return _Upsample(weight.contiguous(memory_format=channels_last), bias.contiguous(memory_format=channels_last))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.conv_transpose2d(x, self.weight, stride=2, padding=1)
        return functional.leaky_relu_(x.add_(self.bias), LEAK)


@dataclass(frozen=True)
class _Trunk:
    """Convolutions with ReLUs between the backbone and a head."""

    layers: tuple[_Convolution, ...]

    @staticmethod
    def of(trunk: nn.Module, dtype: torch.dtype) -> _Trunk:
        convolutions = [layer for layer in trunk.children() if isinstance(layer, nn.Conv2d)]
        return _Trunk(tuple(_Convolution.of(c.weight, _bias(c), c.stride[0], dtype) for c in convolutions))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = functional.relu_(layer(x))
        return x


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
    def of(layer: nn.Conv2d, dtype: torch.dtype) -> _ColorHead:
        bias = _bias(layer).detach()[:, None].to(dtype)
        return _ColorHead(layer.weight.detach().flatten(1).to(dtype).contiguous(), bias, layer.kernel_size[0])

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        columns = functional.unfold(x.to(self.weight.dtype), self.kernel, padding=self.kernel // 2)[0]
        return torch.addmm(self.bias, self.weight, columns).unflatten(1, x.shape[2:])


def _bias(layer: nn.Conv2d) -> torch.Tensor:
    assert layer.bias is not None
    return layer.bias


class FastDecoder:
    """A `MapDecoder` for inference, with weights converted once.

    Args:
        decoder: the decoder; later changes of its weights have no effect.
        bfloat16: compute the color maps in bfloat16. None does so where the processor multiplies bfloat16 itself.
        device: where to decode.
    """

    def __init__(self, decoder: MapDecoder, bfloat16: bool | None = None, device: torch.device = torch.device("cpu")) -> None:
        if device.type != "cpu":
            decoder, bfloat16 = copy.deepcopy(decoder).to(device), False
        low = torch.bfloat16 if (multiplies_bfloat16() if bfloat16 is None else bfloat16) else torch.float32
        self._device = device
        self.config = config = decoder.config
        linear = decoder.backbone.linear
        self._linear = (linear.weight.detach() * linear.scale, linear.bias.detach())
        self._upsamples = [_Upsample.of(upsample) for upsample in decoder.backbone.upsamples]  # type: ignore[arg-type]
        self._feature_trunk = _Trunk.of(decoder.feature_trunk, torch.float32)
        self._density_trunk = _Trunk.of(decoder.density_trunk, torch.float32)
        self._color_trunk = _Trunk.of(decoder.color_trunk, low)
        # Two convolutions, not one on the same input: oneDNN's float32 kernel is a fifth slower at twice the channels.
        gain = config.decoder.density_gain
        head, density_head = decoder.feature_head, decoder.density_head
        self._feature_head = _Convolution.of(head.weight, _bias(head), 1, torch.float32)
        self._density_head = _Convolution.of(density_head.weight * gain, _bias(density_head) * gain, 1, torch.float32)
        self._color_head = _ColorHead.of(decoder.color_head, low)

    @torch.no_grad()
    def __call__(self, latent: ArrayLike) -> Maps:
        """Decode one latent (D,); color maps may be bfloat16, all are on the device and in any memory order."""
        pyramid = self._pyramid(torch.as_tensor(latent, device=self._device))
        config = self.config
        features = self._feature_head(self._feature_trunk(self._source(pyramid, config.feature_plane_resolution)))[0]
        densities = self._density_head(self._density_trunk(self._source(pyramid, config.density_map_resolution)))[0]
        colors = self._color_head(self._color_trunk(self._source(pyramid, config.color_map_resolution)))
        return (
            features.unflatten(0, (3, FEATURE_CHANNELS)),
            densities.unflatten(0, (-1, FEATURE_CHANNELS)),
            colors.unflatten(0, (-1, config.color_head_parameters)).permute(0, 2, 3, 1),
        )

    def _pyramid(self, latent: torch.Tensor) -> list[torch.Tensor]:
        x = functional.leaky_relu(functional.linear(latent[None], *self._linear), LEAK).view(1, -1, 4, 4)
        pyramid = [x.contiguous(memory_format=torch.channels_last)]
        for upsample in self._upsamples:
            pyramid.append(upsample(pyramid[-1]))
        return pyramid

    def _source(self, pyramid: list[torch.Tensor], resolution: int) -> torch.Tensor:
        """Return the backbone's feature that the head of a map of `resolution` reads."""
        if self.config.decoder.head_source == "matching":
            return pyramid[(resolution // 4).bit_length() - 1]
        return pyramid[-1]
