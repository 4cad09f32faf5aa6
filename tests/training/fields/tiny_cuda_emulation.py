"""An emulation of tinycudann: `Encoding` with the formulas of grid.h, vectorized and differentiable, one level at a time."""

from __future__ import annotations

import math
from typing import Any

import torch

PRIMES = (1, 2654435761, 805459861)


class Encoding(torch.nn.Module):
    """A grid encoding of one level. As in tinycudann, `params` is flat and padded, and inputs are float."""

    def __init__(self, n_input_dims: int, encoding_config: dict[str, Any], seed: int = 1337, dtype: Any = None) -> None:
        super().__init__()
        assert n_input_dims == 3 and encoding_config["n_levels"] == 1 and dtype == torch.float32
        assert encoding_config["interpolation"] == "Smoothstep" and encoding_config["type"] == "Hash"
        self.features = encoding_config["n_features_per_level"]
        self.scale = float(encoding_config["base_resolution"]) - 1.0
        self.resolution = math.ceil(self.scale) + 1
        self.size = min(-(-(self.resolution**3) // 8) * 8, 1 << encoding_config["log2_hashmap_size"])
        self.params = torch.nn.Parameter(torch.zeros(self.size * self.features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(P, 3) to (P, features)."""
        position = x.float() * self.scale + 0.5
        cell = position.detach().floor()
        assert bool((cell >= 0).all()), "would wrap around as an unsigned number"
        fraction = position - cell
        weight = fraction * fraction * (3 - 2 * fraction)
        entries = self.params.view(-1, self.features)
        result = torch.zeros(len(x), self.features)
        for corner in range(8):
            steps = torch.tensor([corner >> axis & 1 for axis in range(3)])
            index = self._index(cell.long() + steps)
            part = torch.where(steps.bool(), weight, 1 - weight).prod(1)
            result = result + part[:, None] * entries[index]
        return result

    def _index(self, node: torch.Tensor) -> torch.Tensor:
        stride, index = 1, torch.zeros(len(node), dtype=torch.int64)
        for axis in range(3):
            if stride > self.size:
                break
            index = index + node[:, axis] * stride
            stride *= self.resolution
        if self.size < stride:
            index = (node[:, 0] * PRIMES[0] ^ node[:, 1] * PRIMES[1] ^ node[:, 2] * PRIMES[2]) & 0xFFFFFFFF
        return index % self.size
