"""Encodings of the unit view direction (paper, section 4; spherical harmonics in the released NHR models)."""

from __future__ import annotations

from typing import Literal

import torch


def encode_direction(directions: torch.Tensor, kind: Literal["frequency", "spherical_harmonics"]) -> torch.Tensor:
    """Encode unit directions, (..., 3), to (..., 15) "frequency" or (..., 9) "spherical_harmonics" numbers."""
    if kind == "frequency":
        return frequency_encoding(directions)
    return spherical_harmonics(directions)


def frequency_encoding(directions: torch.Tensor) -> torch.Tensor:
    """Two octaves; for each coordinate c of x, y, z: c, cos(c), cos(2c), sin(c), sin(2c)."""
    c = directions[..., None]
    return torch.cat([c, torch.cos(c), torch.cos(2 * c), torch.sin(c), torch.sin(2 * c)], dim=-1).flatten(-2)


def spherical_harmonics(directions: torch.Tensor) -> torch.Tensor:
    """The nine real spherical harmonics of degree 0 to 2, with Condon-Shortley signs."""
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
