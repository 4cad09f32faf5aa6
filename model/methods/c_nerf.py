"""C-NeRF (Wang et al., "Learning Compositional Radiance Fields of Dynamic Human Heads", CVPR 2021).

As the paper of dynamic MLP maps describes and re-implements it (section 5.3): a 3D CNN predicts a feature volume for every
frame, and one NeRF-like MLP turns the feature at a point into density and color. The head's expression code is the frame's
latent.
"""

from __future__ import annotations

import torch

from model.methods.config import CNeRFConfig
from model.methods.method import Method
from model.methods.radiance_mlp import MLPQueries, RadianceMLP, centered, encoded_channels, positional_encoding
from model.methods.volume import VolumeDecoder, read_volume


class CNeRF(Method):
    """Feature volume and radiance network; see `model.methods.method.Method`."""

    def __init__(self, config: CNeRFConfig) -> None:
        super().__init__()
        self.config = config
        self.volume = VolumeDecoder(config.latent_channels, config.volume_channels, config.feature_channels)
        inputs = config.feature_channels + encoded_channels(3, config.mlp.position_octaves)
        self.mlp = RadianceMLP(inputs, config.mlp)

    def at(self, latent: torch.Tensor, time: float | torch.Tensor) -> MLPQueries:
        """Decode the feature volume of a latent (D,); the time has no influence."""
        volume = self.volume(latent)

        def inputs(points: torch.Tensor) -> torch.Tensor:
            x = centered(points)
            return torch.cat([read_volume(volume, x), positional_encoding(x, self.config.mlp.position_octaves)], dim=1)

        return MLPQueries(self.mlp, inputs)
