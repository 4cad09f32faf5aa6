"""The network of NeRF, which four of the methods share, and its positional encoding."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from model.methods.config import RadianceMLPConfig

_INITIAL_DENSITY = 10.0  # 1/m: high enough for every ray to see something, low enough to block none


def positional_encoding(values: torch.Tensor, octaves: int) -> torch.Tensor:
    """Return the values, and sin(2^k pi x) and cos(2^k pi x) of each for k = 0 ... octaves - 1 (NeRF, equation 4).

    Args:
        values: (P, C), about [-1, 1].
        octaves: number of frequencies.

    Returns:
        (P, C + 2 C octaves): the values, then sines and cosines by frequency.
    """
    frequencies = math.pi * 2.0 ** torch.arange(octaves, device=values.device, dtype=values.dtype)
    angles = values[:, None, :] * frequencies[:, None]
    waves = torch.stack([torch.sin(angles), torch.cos(angles)], dim=2)
    return torch.cat([values, waves.flatten(1)], dim=1)


def encoded_channels(channels: int, octaves: int) -> int:
    """Return the number of channels of encoded values."""
    return channels * (1 + 2 * octaves)


class SkipMLP(nn.Module):
    """Hidden layers with ReLUs, one of which gets the inputs again: (P, inputs) to (P, width) (NeRF, figure 7)."""

    def __init__(self, inputs: int, width: int, depth: int, skip: int) -> None:
        super().__init__()
        self.skip = skip
        sizes = [inputs if i == 0 else width + (inputs if i == skip else 0) for i in range(depth)]
        self.layers = nn.ModuleList(nn.Linear(size, width) for size in sizes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (P, width) activations of (P, inputs)."""
        x = inputs
        for index, layer in enumerate(self.layers):
            x = torch.cat([x, inputs], dim=1) if index and index == self.skip else x
            x = functional.relu(layer(x))
        return x


class RadianceMLP(nn.Module):
    """Density from encoded inputs, and color from these and the view direction (NeRF, section 3 and figure 7).

    Args:
        inputs: channels of the inputs.
        config: sizes.
    """

    def __init__(self, inputs: int, config: RadianceMLPConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = SkipMLP(inputs, config.width, config.depth, config.skip)
        self.density = nn.Linear(config.width, 1)
        self.bottleneck = nn.Linear(config.width, config.width)
        self.view = nn.Linear(config.width + encoded_channels(3, config.direction_octaves), config.view_width)
        self.rgb = nn.Linear(config.view_width, 3)
        with torch.no_grad():
            self.density.bias.fill_(_INITIAL_DENSITY / config.density_gain)

    def raw_density(self, features: torch.Tensor) -> torch.Tensor:
        """Compute the density before its ReLU from features (P, width): (P,), 1/m."""
        return self.config.density_gain * self.density(features)[:, 0]  # type: ignore[no-any-return]

    def color(self, features: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """Compute the color from features (P, width) and unit view directions (P, 3): (P, 3) in (0, 1)."""
        seen = positional_encoding(directions, self.config.direction_octaves)
        hidden = functional.relu(self.view(torch.cat([self.bottleneck(features), seen], dim=1)))
        return torch.sigmoid(self.rgb(hidden))


@dataclass(frozen=True)
class MLPQueries:
    """A frame of a method that computes inputs of a `RadianceMLP` from points; see `model.methods.method.PointQueries`."""

    mlp: RadianceMLP
    """The network."""
    inputs: Callable[[torch.Tensor], torch.Tensor]
    """Points (P, 3) in [0, 1]^3 to (P, inputs)."""

    def features(self, points: torch.Tensor) -> torch.Tensor:
        """Compute the last hidden layer, (P, width)."""
        return self.mlp.trunk(self.inputs(points))  # type: ignore[no-any-return]

    def raw_density(self, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Compute the density before its ReLU, (P,)."""
        return self.mlp.raw_density(features)

    def color(self, points: torch.Tensor, features: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """Compute the color, (P, 3)."""
        return self.mlp.color(features, directions)


def centered(points: torch.Tensor) -> torch.Tensor:
    """Map points from [0, 1]^3 to [-1, 1]^3."""
    return 2 * points - 1
