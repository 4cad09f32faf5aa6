"""The interface of all methods: a frame, and points and view directions to density and color."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from model.config import ModelConfig


class PointQueries(Protocol):
    """Density and color of one frame at given points, differentiable. The reference renderer and training use nothing else."""

    def features(self, points: torch.Tensor) -> torch.Tensor:
        """Compute what density and color share: points (P, 3) in [0, 1]^3 of the frame's box to (P, C)."""

    def raw_density(self, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Compute the density before its ReLU: (P, 3) and (P, C) to (P,), 1/m."""

    def color(self, points: torch.Tensor, features: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """Compute the color: (P, 3), (P, C) and unit view directions (P, 3) in world axes to (P, 3) in [0, 1]."""


class Method(nn.Module):
    """A volumetric video of another method. Its parameters are everything that is trained except the latents."""

    def at(self, latent: torch.Tensor, time: float | torch.Tensor) -> PointQueries:
        """Return the frame with a latent (D,) at a time t/T in [0, 1)."""
        raise NotImplementedError


@dataclass
class MethodFrame:
    """One instant of another method's video: what `model.frame.Frame` is for the paper's own."""

    config: ModelConfig
    """Hyper-parameters of the video."""
    time: float
    """Frame index, may be fractional."""
    box: torch.Tensor
    """(2, 3) lower and upper corner of the scene, meters."""
    occupancy: torch.Tensor
    """(X, Y, Z) bool: cells that may contain density; the others are skipped."""
    queries: PointQueries
    """Density and color."""
