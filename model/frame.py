"""The decoded maps of one instant: everything needed to evaluate density and color anywhere in its box."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.config import ModelConfig


@dataclass
class Frame:
    """One instant of a volumetric video, decoded and baked. Every backend starts from it.

    Points are normalized by the box to p in [0, 1]^3; (u, v) are the two coordinates of p on a plane
    (`model.config.PLANE_AXES`). All tensors are float32 unless stated otherwise.
    """

    config: ModelConfig
    """Hyper-parameters of the video."""
    time: float
    """Frame index, may be fractional."""
    box: torch.Tensor
    """(2, 3) lower and upper corner of the scene, meters."""
    occupancy: torch.Tensor
    """(X, Y, Z) bool: cells that may contain density; the others are skipped."""
    grids: list[torch.Tensor]
    """One tensor per level of the hash encoding, baked at `time`: (3 planes, F, N along v, N along u)."""
    feature_planes: torch.Tensor
    """(3 planes, 32, H along v, W along u)."""
    density_maps: torch.Tensor
    """(MLP planes, 32, H along v, W along u): each pixel is a linear density head."""
    color_maps: torch.Tensor
    """(MLP planes, N along u, N along v, parameters): each entry is a color head, W0, W1, W2 row-major [in][out].
    The first index runs along u: the transpose of the other maps, as the released models store it."""
