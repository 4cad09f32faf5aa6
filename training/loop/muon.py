"""Muon: updates weight matrices along the orthogonal matrix that is nearest to their momentum.

Adam scales each number of a gradient alone. The gradients of a decoder's matrices have few large singular values, so Adam
learns little in all other directions; Muon learns in all of them alike. Sources: K. Jordan et al., "Muon: An optimizer for
hidden layers in neural networks" (2024), and J. Liu et al., "Muon is scalable for LLM training" (2025, arXiv 2502.16982).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

ITERATIONS = 5
"""Iterations of `orthogonalized`."""

_A, _B, _C = 3.4445, -4.7750, 2.0315  # Jordan et al.: they let small singular values grow fastest


@dataclass(frozen=True, eq=False)
class MuonLayer:
    """The weights of a layer."""

    weight: torch.nn.Parameter
    """Of a linear layer, (out, in), of a convolution, (out, in, k, k), or of a transposed convolution, (in, out, k, k)."""
    transposed: bool = False
    """Whether it is a transposed convolution."""
    scale: float = 1.0
    """What the layer multiplies its weights by (equalized layers)."""


def orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix with the same singular vectors, whose singular values are about 1 (0.7 to 1.2).

    Newton-Schulz iteration with a polynomial of degree 5. It is done on the smaller Gram matrix, because decoders have matrices
    of thousands of rows and a hundred columns.

    Args:
        matrix: (rows, columns), of any size; singular values below about 1e-3 of the norm stay smaller, and zero stays zero.
    """
    x = matrix / matrix.norm().clamp_min(torch.finfo(matrix.dtype).tiny)
    tall = x.shape[0] > x.shape[1]
    gram = x.T @ x if tall else x @ x.T
    product = identity = torch.eye(len(gram), dtype=matrix.dtype, device=matrix.device)
    for _ in range(ITERATIONS):
        polynomial = _A * identity + _B * gram + _C * (gram @ gram)
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    return x @ product if tall else product @ x


class Muon:
    """Updates layers from the `grad` of their weights, with Nesterov momentum.

    Args:
        layers: each weight is a matrix with one row per output channel.
        base_rate: learning rate at its highest: the singular values of a step, in weights as the layer uses them.
        momentum: decay of the mean of gradients.
    """

    def __init__(self, layers: Sequence[MuonLayer], base_rate: float, momentum: float) -> None:
        self.layers = tuple(layers)
        self.momenta: dict[torch.nn.Parameter, torch.Tensor] = {}
        """Mean gradient of each weight, empty before the first step."""
        self._base_rate, self._momentum = base_rate, momentum

    def step(self, rate_factor: float, pool: ThreadPoolExecutor | None = None) -> None:
        """Update all layers once; all of them must have gradients.

        Args:
            rate_factor: factor on the base rate.
            pool: updates several layers at once. None updates one after the other.
        """
        update = functools.partial(self._update, self._base_rate * rate_factor)
        largest_first = sorted(self.layers, key=lambda layer: -layer.weight.numel())
        list((pool.map if pool is not None else map)(update, largest_first))

    @torch.no_grad()
    def _update(self, rate: float, layer: MuonLayer) -> None:
        update = self._ahead(layer.weight)
        rows = update.transpose(0, 1) if layer.transposed else update
        change = orthogonalized(rows.flatten(1)).reshape(rows.shape)
        layer.weight.sub_(change.transpose(0, 1) if layer.transposed else change, alpha=rate / layer.scale)

    def _ahead(self, weight: torch.nn.Parameter) -> torch.Tensor:
        """Update the mean gradient of a weight, and return it one step ahead (Nesterov)."""
        assert weight.grad is not None
        if weight not in self.momenta:
            self.momenta[weight] = torch.zeros_like(weight)
        mean = self.momenta[weight].lerp_(weight.grad, 1 - self._momentum)
        return weight.grad.lerp(mean, self._momentum)
