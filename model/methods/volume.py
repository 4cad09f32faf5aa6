"""Volumes of voxels: predicted from a latent by transposed 3D convolutions, and read between voxels."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

LEAK = 0.2
"""Negative slope of the leaky ReLUs (as in the code of Neural Volumes)."""


class VolumeDecoder(nn.Module):
    """Turns a latent into a volume with stride-2 transposed convolutions, as Neural Volumes does.

    Args:
        latent_channels: D.
        channels: of the features with 1, 2, 4, ... voxels along a side; n entries give a volume of 2^n voxels along a side.
        outputs: channels of the volume.
    """

    def __init__(self, latent_channels: int, channels: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(latent_channels, channels[0])
        following = (*channels[1:], outputs)
        self.upsamples = nn.ModuleList(map(_upsample, channels, following))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Map a latent (D,) to a volume (outputs, Z, Y, X)."""
        x = functional.leaky_relu(self.linear(latent), LEAK).view(1, -1, 1, 1, 1)
        for index, upsample in enumerate(self.upsamples):
            x = upsample(x if index == 0 else functional.leaky_relu(x, LEAK))
        return x[0]


def _upsample(inputs: int, outputs: int) -> nn.ConvTranspose3d:
    layer = nn.ConvTranspose3d(inputs, outputs, 4, stride=2, padding=1)
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.normal_(0, math.sqrt(2 / (1 + LEAK**2) / (8 * inputs)))  # each output sums (4 / 2)^3 taps of all inputs
        layer.bias.zero_()
    return layer


def read_volume(volume: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Read a volume trilinearly; the centers of border voxels lie at -1 and 1, and points outside read the border.

    Args:
        volume: (C, Z, Y, X).
        points: (P, 3) as x, y, z in [-1, 1].

    Returns:
        (P, C).
    """
    grid = points.view(1, 1, 1, -1, 3)
    read = functional.grid_sample(volume[None], grid, mode="bilinear", padding_mode="border", align_corners=True)
    return read[0, :, 0, 0].t()


def read_volumes(volumes: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Read n volumes (n, Z, Y, X), each at points of its own, (n, P, 3): (n, P); otherwise as `read_volume`."""
    grid = points[:, None, None]
    read = functional.grid_sample(volumes[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True)
    return read[:, 0, 0, 0]
