"""View encodings against hand-computed values."""

from __future__ import annotations

import math

import torch

from model.view_encoding import encode_direction, spherical_harmonics


def test_frequency_encoding_is_coordinate_major() -> None:
    encoded = encode_direction(torch.tensor([[0.0, 0.6, 0.8]]), "frequency")[0]
    assert encoded.shape == (15,)
    expected = [
        f(c) for c in (0.0, 0.6, 0.8) for f in (float, math.cos, lambda c: math.cos(2 * c), math.sin, lambda c: math.sin(2 * c))
    ]
    assert torch.allclose(encoded, torch.tensor(expected))


def test_spherical_harmonics_along_the_axes() -> None:
    c0, c1, c2 = 0.28209479, 0.48860251, 0.31539157
    along_z = spherical_harmonics(torch.tensor([0.0, 0.0, 1.0]))
    assert torch.allclose(along_z, torch.tensor([c0, 0, c1, 0, 0, 0, 2 * c2, 0, 0]), atol=1e-6)
    along_x = spherical_harmonics(torch.tensor([1.0, 0.0, 0.0]))
    assert torch.allclose(along_x, torch.tensor([c0, 0, 0, -c1, 0, 0, -c2, 0, 0.54627422]), atol=1e-6)


def test_spherical_harmonics_are_orthonormal() -> None:
    directions = torch.nn.functional.normalize(torch.randn(400_000, 3, dtype=torch.float64), dim=1)
    values = spherical_harmonics(directions)
    gram = 4 * math.pi * values.T @ values / len(directions)
    assert torch.allclose(gram, torch.eye(9, dtype=torch.float64), atol=0.03)
