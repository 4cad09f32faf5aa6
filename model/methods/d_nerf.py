"""D-NeRF (Pumarola et al., CVPR 2021): one canonical scene, and a network that deforms every frame into it."""

from __future__ import annotations

import torch
from torch import nn

from model.methods.config import DNeRFConfig
from model.methods.method import Method
from model.methods.radiance_mlp import MLPQueries, RadianceMLP, SkipMLP, centered, encoded_channels, positional_encoding


class Deformation(nn.Module):
    """The network that moves points of a frame to where they are in the canonical scene.

    Args:
        config: sizes.
    """

    def __init__(self, config: DNeRFConfig) -> None:
        super().__init__()
        self.config = config
        inputs = encoded_channels(3, config.mlp.position_octaves) + encoded_channels(1, config.time_octaves)
        self.trunk = SkipMLP(inputs, config.deformation_width, config.deformation_depth, config.mlp.skip)
        self.offset = nn.Linear(config.deformation_width, 3)
        with torch.no_grad():
            self.offset.weight *= 0.1

    def forward(self, points: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Compute the displacement Psi_t(x, t), which is 0 at t = 0: the first frame is the canonical scene.

        Args:
            points: (P, 3) in [-1, 1].
            time: scalar t/T in [0, 1).

        Returns:
            (P, 3), added to the points.
        """
        if not time.requires_grad and float(time) == 0:
            return torch.zeros_like(points)
        times = positional_encoding(time.to(points).expand(len(points), 1), self.config.time_octaves)
        encoded = positional_encoding(points, self.config.mlp.position_octaves)
        return self.offset(self.trunk(torch.cat([encoded, times], dim=1)))  # type: ignore[no-any-return]


class DNeRF(Method):
    """Canonical scene and deformation; see `model.methods.method.Method`."""

    def __init__(self, config: DNeRFConfig) -> None:
        super().__init__()
        self.config = config
        self.deformation = Deformation(config)
        self.mlp = RadianceMLP(encoded_channels(3, config.mlp.position_octaves), config.mlp)

    def at(self, latent: torch.Tensor, time: float | torch.Tensor) -> MLPQueries:
        """Return the frame at a time; there is no latent: sigma, c = Psi_x(x + Psi_t(x, t), d)."""
        moment = torch.as_tensor(time, dtype=torch.float32, device=self.mlp.rgb.bias.device)

        def inputs(points: torch.Tensor) -> torch.Tensor:
            x = centered(points)
            return positional_encoding(x + self.deformation(x, moment), self.config.mlp.position_octaves)

        return MLPQueries(self.mlp, inputs)
