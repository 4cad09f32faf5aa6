"""Neural Volumes (Lombardi et al., SIGGRAPH 2019): an RGB-alpha volume that a warp field bends.

Three things differ, so that only the representation is compared. Alpha is a density, composited as in the paper of dynamic MLP
maps, instead of an opacity that adds up to 1. The density has the ReLU of all other methods. Colors do not depend
on the view, as in the authors' code without its option for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from model.methods.config import NeuralVolumesConfig
from model.methods.method import Method
from model.methods.radiance_mlp import centered
from model.methods.volume import VolumeDecoder, read_volume, read_volumes

_INITIAL_DENSITY = 10.0  # 1/m, as in all methods


def rotation_matrices(quaternions: torch.Tensor) -> torch.Tensor:
    """Return the rotations (n, 3, 3) of quaternions (n, 4), scalar first; they need not have unit length."""
    w, x, y, z = functional.normalize(quaternions, dim=1).unbind(1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


@dataclass(frozen=True)
class WarpField:
    """The inverse warp of a frame: a mixture of n affine warps. (The authors' code scales after it rotates.)"""

    rotations: torch.Tensor
    """(n, 3, 3), R_i."""
    scales: torch.Tensor
    """(n, 3), s_i."""
    translations: torch.Tensor
    """(n, 3), t_i."""
    weights: torch.Tensor
    """(n, Z, Y, X), positive volumes w_i."""

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Compute W^-1(x) = sum_i w_i(A_i(x)) A_i(x) / sum_i w_i(A_i(x)), with A_i(x) = R_i (s_i * (x - t_i)).

        Args:
            points: (P, 3) in [-1, 1].

        Returns:
            (P, 3), where the volume is read.
        """
        scaled = self.scales[:, None] * (points - self.translations[:, None])
        warped = scaled @ self.rotations.transpose(1, 2)
        weights = read_volumes(self.weights, warped)
        return (weights[..., None] * warped).sum(0) / weights.sum(0)[:, None]


class WarpDecoder(nn.Module):
    """Turns a latent into the warp field of its frame.

    Args:
        config: sizes.
    """

    def __init__(self, config: NeuralVolumesConfig) -> None:
        super().__init__()
        self.warps = config.warps
        self.weights = VolumeDecoder(config.latent_channels, config.warp_channels, config.warps)
        self.affine = nn.Linear(config.latent_channels, config.warps * 10)
        with torch.no_grad():
            self.affine.weight *= 0.01  # starts near the identity, warps a little apart

    def forward(self, latent: torch.Tensor) -> WarpField:
        """Decode a latent (D,)."""
        quaternions, scales, translations = self.affine(latent).view(self.warps, 10).split([4, 3, 3], dim=1)
        identity = torch.tensor([1.0, 0.0, 0.0, 0.0], device=latent.device, dtype=latent.dtype)
        weights = torch.exp(self.weights(latent).clamp(-10, 10))
        return WarpField(rotation_matrices(identity + quaternions), torch.exp(scales), translations, weights)


@dataclass(frozen=True)
class VolumeQueries:
    """A frame: its volume and its warp field; see `model.methods.method.PointQueries`."""

    volume: torch.Tensor
    """(4, Z, Y, X): red, green, blue in [0, 1], and density before its ReLU, 1/m."""
    warp: WarpField | None
    """The warp field; None means none."""

    def features(self, points: torch.Tensor) -> torch.Tensor:
        """Read the volume at the warped points: (P, 4)."""
        x = centered(points)
        return read_volume(self.volume, x if self.warp is None else self.warp(x))

    def raw_density(self, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Return alpha, (P,)."""
        return features[:, 3]

    def color(self, points: torch.Tensor, features: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """Return the color, (P, 3), whatever the direction."""
        return features[:, :3]


class NeuralVolumes(Method):
    """Neural Volumes; see `model.methods.method.Method`. The latent comes from the encoder or an embedding."""

    def __init__(self, config: NeuralVolumesConfig) -> None:
        super().__init__()
        self.config = config
        self.template = VolumeDecoder(config.latent_channels, config.volume_channels, 4)
        self.warp = WarpDecoder(config) if config.warps else None
        with torch.no_grad():
            last = self.template.upsamples[-1]
            last.get_parameter("weight")[:, 3] *= 0.1
            last.get_parameter("bias")[3] = _INITIAL_DENSITY / config.density_gain

    def at(self, latent: torch.Tensor, time: float | torch.Tensor) -> VolumeQueries:
        """Decode the volume and the warp field of a latent (D,); the time has no influence."""
        color, alpha = self.template(latent).split([3, 1])
        volume = torch.cat([torch.sigmoid(color), self.config.density_gain * alpha])
        return VolumeQueries(volume, None if self.warp is None else self.warp(latent))
