"""The CNN that encodes three input views into a latent. Used in training only (paper, section 4)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

INPUT_RESOLUTION = 512
"""Pixels along a side of an input view."""

NUM_VIEWS = 3
"""Views of a frame that are encoded together."""

_CHANNELS = (64, 64, 128, 128, 256, 256, 256)
_LEAK = 0.2


class ImageEncoder(nn.Module):
    """Encodes three views of a frame into the mean and log standard deviation of its latent (paper, after Neural Volumes).

    Each view has a tower of seven stride-2 convolutions. Their outputs are concatenated, go through a linear layer to 512, and
    then through one linear layer for the mean (scaled by 0.1) and one for the log standard deviation (scaled by 0.01).
    """

    def __init__(self, latent_channels: int = 256) -> None:
        super().__init__()
        self.towers = nn.ModuleList(self._tower() for _ in range(NUM_VIEWS))
        pixels = (INPUT_RESOLUTION >> len(_CHANNELS)) ** 2
        self.joint = weight_norm(nn.Linear(NUM_VIEWS * _CHANNELS[-1] * pixels, 512))
        self.mean = nn.Linear(512, latent_channels)
        self.log_deviation = nn.Linear(512, latent_channels)

    @staticmethod
    def _tower() -> nn.Sequential:
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *_CHANNELS[:-1]), _CHANNELS, strict=True):
            layers += [weight_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(_LEAK)]
        return nn.Sequential(*layers, nn.Flatten())

    def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode frames.

        Args:
            views: (B, views, 3, 512, 512), colors in [0, 1].

        Returns:
            Mean and log standard deviation of z, (B, D) each.
        """
        scaled = (255 * views - 100) / 25
        towers = [tower(scaled[:, i]) for i, tower in enumerate(self.towers)]
        joint = functional.leaky_relu(self.joint(torch.cat(towers, dim=1)), _LEAK)
        return 0.1 * self.mean(joint), 0.01 * self.log_deviation(joint)


def kl_divergence(mean: torch.Tensor, log_deviation: torch.Tensor) -> torch.Tensor:
    """Return the KL divergence from N(mean, deviation^2) to N(0, 1), averaged over batch and channels (paper, equation 4)."""
    return (-0.5 - log_deviation + 0.5 * mean**2 + 0.5 * torch.exp(2 * log_deviation)).mean()
