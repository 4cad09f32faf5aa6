"""The 2D CNN that turns a latent into feature planes, density MLP maps and color MLP maps (paper, section 4)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS, ModelConfig
from model.decoder_layout import LEAK, equalized_scale, source_level, trunk_channels, upsample_scale

INITIAL_DENSITY = 10.0
"""Density of an untrained model, 1/m: high enough for every ray to see something, low enough to block none."""

Maps = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class EqualizedLinear(nn.Module):
    """A linear layer whose stored weight is scaled when used; (B, in) to (B, out)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = equalized_scale(in_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer."""
        return functional.linear(x, self.weight * self.scale, self.bias)


class EqualizedUpsample(nn.Module):
    """A stride-2 4x4 transposed convolution with equalized weights and an untied bias: one per pixel and channel."""

    def __init__(self, in_channels: int, out_channels: int, resolution: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_channels, out_channels, 4, 4))
        self.bias = nn.Parameter(torch.zeros(out_channels, resolution, resolution))
        self.scale = upsample_scale(in_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in, n, n) to (B, out, 2n, 2n)."""
        return functional.conv_transpose2d(x, self.weight * self.scale, stride=2, padding=1) + self.bias


class Backbone(nn.Module):
    """Turns a latent into a pyramid of features: 4x4 pixels, then one level per transposed convolution."""

    def __init__(self, latent_channels: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.linear = EqualizedLinear(latent_channels, channels[0] * 16)
        self.upsamples = nn.ModuleList(
            EqualizedUpsample(channels[i], channels[i + 1], 8 << i) for i in range(len(channels) - 1)
        )

    def forward(self, latents: torch.Tensor) -> list[torch.Tensor]:
        """Map (B, D) to features of 4, 8, ... pixels per side."""
        x = functional.leaky_relu(self.linear(latents), LEAK)
        pyramid = [x.view(len(latents), -1, 4, 4)]
        for upsample in self.upsamples:
            pyramid.append(functional.leaky_relu(upsample(pyramid[-1]), LEAK))
        return pyramid


def _downsampling_trunk(in_channels: int, out_channels: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in out_channels:
        layers += [nn.Conv2d(in_channels, channels, 3, stride=2, padding=1), nn.ReLU()]
        in_channels = channels
    return nn.Sequential(*layers)


class MapDecoder(nn.Module):
    """Turns latents into the maps of their frames.

    With `head_source` "final" the heads read the backbone's last feature, through as many stride-2 convolutions as their
    resolution needs (paper). With "matching" they read the backbone's feature of their own resolution.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        decoder, channels = config.decoder, config.decoder.backbone_channels
        self.backbone = Backbone(decoder.latent_channels, channels)
        self.feature_trunk, features = self._trunk(config.feature_plane_resolution, (channels[-1],))
        self.density_trunk, densities = self._trunk(config.density_map_resolution, (channels[-1],))
        self.color_trunk, colors = self._trunk(config.color_map_resolution, decoder.color_channels)
        if decoder.head_source == "matching":
            self.color_trunk = nn.Sequential(nn.Conv2d(colors, decoder.color_channels[0], 3, padding=1), nn.ReLU())
            colors = decoder.color_channels[0]
        planes, kernel = len(config.mlp_planes), decoder.color_kernel_size
        self.feature_head = nn.Conv2d(features, 3 * FEATURE_CHANNELS, 3, padding=1)
        self.density_head = nn.Conv2d(densities, planes * FEATURE_CHANNELS, 3, padding=1)
        self.color_head = nn.Conv2d(colors, planes * config.color_head_parameters, kernel, padding=kernel // 2)
        self._initialize_heads()

    def forward(self, latents: torch.Tensor) -> Maps:
        """Decode latents.

        Args:
            latents: (B, D).

        Returns:
            Feature planes (B, 3, 32, H, W) and density MLP maps (B, planes, 32, H, W), u along W; color MLP maps (B,
            planes, N, N, parameters), u along the first N.
        """
        pyramid = self.backbone(latents)
        config = self.config
        features = self.feature_head(self.feature_trunk(self._source(pyramid, config.feature_plane_resolution)))
        densities = self.density_head(self.density_trunk(self._source(pyramid, config.density_map_resolution)))
        colors = self.color_head(self.color_trunk(self._source(pyramid, config.color_map_resolution)))
        return (
            features.unflatten(1, (3, FEATURE_CHANNELS)),
            densities.unflatten(1, (-1, FEATURE_CHANNELS)) * config.decoder.density_gain,
            colors.unflatten(1, (-1, config.color_head_parameters)).permute(0, 1, 3, 4, 2),
        )

    def _trunk(self, resolution: int, channels: tuple[int, ...]) -> tuple[nn.Sequential, int]:
        """Return the layers between the backbone and a head of `resolution`, and their number of output channels."""
        inputs = self.config.decoder.backbone_channels[source_level(self.config, resolution)]
        widths = trunk_channels(self.config, resolution, channels)
        return _downsampling_trunk(inputs, widths), (widths or [inputs])[-1]

    def _source(self, pyramid: list[torch.Tensor], resolution: int) -> torch.Tensor:
        return pyramid[source_level(self.config, resolution)]

    @torch.no_grad()
    def _initialize_heads(self) -> None:
        """Start with random color heads in a faint, uniform fog. The biases of the heads set the means of the maps."""
        self.feature_head.weight *= 0.5
        self.density_head.weight *= 0.3
        self.color_head.weight *= 0.2
        for head, planes, value in (
            (self.feature_head, 3, 1.0),
            (self.density_head, len(self.config.mlp_planes), INITIAL_DENSITY / self.config.decoder.density_gain),
        ):
            bias = head.get_parameter("bias").zero_()
            bias.view(planes, -1)[:, 0] = value / planes
        inputs = (FEATURE_CHANNELS, HIDDEN_CHANNELS + self.config.view_channels, HIDDEN_CHANNELS)
        outputs = (HIDDEN_CHANNELS, HIDDEN_CHANNELS, 3)
        spreads = (math.sqrt(1 / 32), math.sqrt(2 / 40), 0.5 * math.sqrt(1 / 32))
        bias = self.color_head.get_parameter("bias").view(len(self.config.mlp_planes), -1)
        sizes = [i * o for i, o in zip(inputs, outputs, strict=True)]
        for part, spread in zip(bias.split(sizes, dim=1), spreads, strict=True):
            part.normal_(0, spread)
