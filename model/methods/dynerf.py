"""DyNeRF (Li et al., "Neural 3D Video Synthesis from Multi-view Video", CVPR 2022): a radiance network with a latent per frame.

Its importance sampling by temporal differences is in `training.loop.importance`.
"""

from __future__ import annotations

import torch

from model.methods.config import DyNeRFConfig
from model.methods.method import Method
from model.methods.radiance_mlp import MLPQueries, RadianceMLP, centered, encoded_channels, positional_encoding


class DyNeRF(Method):
    """Radiance network with a latent; see `model.methods.method.Method`."""

    def __init__(self, config: DyNeRFConfig) -> None:
        super().__init__()
        self.config = config
        self.mlp = RadianceMLP(config.latent_channels + encoded_channels(3, config.mlp.position_octaves), config.mlp)

    def at(self, latent: torch.Tensor, time: float | torch.Tensor) -> MLPQueries:
        """Return the frame of a latent z_t (D,) that maps (x, d, z_t) to (c, sigma); time has no influence."""

        def inputs(points: torch.Tensor) -> torch.Tensor:
            encoded = positional_encoding(centered(points), self.config.mlp.position_octaves)
            return torch.cat([encoded, latent.expand(len(points), -1)], dim=1)

        return MLPQueries(self.mlp, inputs)
