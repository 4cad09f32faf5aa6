"""Encodings of unit view directions (paper, section 4). The released NHR models use spherical harmonics."""

from __future__ import annotations

from typing import Literal

import torch


def encode_direction(directions: torch.Tensor, kind: Literal["frequency", "spherical_harmonics"]) -> torch.Tensor:
    """Encode unit directions (..., 3) as (..., 15) for "frequency" or (..., 9) for "spherical_harmonics"."""
    if kind == "frequency":
        return frequency_encoding(directions)
    return spherical_harmonics(directions)


def frequency_encoding(directions: torch.Tensor) -> torch.Tensor:
    """Compute c, cos(c), cos(2c), sin(c), sin(2c) for each coordinate c of x, y, z: (..., 3) to (..., 15)."""
    c = directions[..., None]
    return torch.cat([c, torch.cos(c), torch.cos(2 * c), torch.sin(c), torch.sin(2 * c)], dim=-1).flatten(-2)


def spherical_harmonics(directions: torch.Tensor) -> torch.Tensor:
    """Compute the nine real spherical harmonics of degree 0 to 2, with Condon-Shortley signs: (..., 3) to (..., 9)."""
    x, y, z = directions.unbind(-1)
    values = [
        torch.full_like(x, 0.28209479177387814),
        -0.4886025119029199 * y,
        0.4886025119029199 * z,
        -0.4886025119029199 * x,
        1.0925484305920792 * x * y,
        -1.0925484305920792 * y * z,
        0.31539156525252005 * (3 * z * z - 1),
        -1.0925484305920792 * x * z,
        0.5462742152960396 * (x * x - y * y),
    ]
    return torch.stack(values, dim=-1)
