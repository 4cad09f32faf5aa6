"""Muon: updates weight matrices along the orthogonal matrix that is nearest to their momentum.

Adam scales each number of a gradient alone. The gradients of a decoder's matrices have few large singular values, so Adam
learns little in all other directions; Muon learns in all of them alike. Sources: K. Jordan et al., "Muon: An optimizer for
hidden layers in neural networks" (2024), and J. Liu et al., "Muon is scalable for LLM training" (2025, arXiv 2502.16982).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

ITERATIONS = 5
"""Iterations of `orthogonalized`."""

_A, _B, _C = 3.4445, -4.7750, 2.0315  # Jordan et al.: they let small singular values grow fastest

_ROOT_MEAN_SQUARE = 0.2
"""Size of an update of rate 1, about that of Adam's (Liu et al., section 2.2)."""


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
    """Updates matrices from the `grad` of their parameters, with Nesterov momentum.

    Args:
        parameters: weights of linear layers, (out, in), of convolutions, (out, in, k, k), and of transposed convolutions.
        transposed: for each parameter, whether it is of a transposed convolution, (in, out, k, k).
        base_rate: learning rate at its highest. An update is as large as Adam's with the same rate.
        momentum: decay of the mean of gradients.
    """

    def __init__(
        self, parameters: Sequence[torch.Tensor], transposed: Sequence[bool], base_rate: float, momentum: float
    ) -> None:
        self.parameters = tuple(parameters)
        self.momenta: dict[torch.Tensor, torch.Tensor] = {}
        """Mean gradient of each parameter, empty before the first step."""
        self._transposed, self._base_rate, self._momentum = tuple(transposed), base_rate, momentum

    @torch.no_grad()
    def step(self, rate_factor: float) -> None:
        """Update all parameters once, with `rate_factor` times the base rate. All of them must have gradients."""
        for parameter, transposed in zip(self.parameters, self._transposed, strict=True):
            assert parameter.grad is not None
            update = self._momentum_of(parameter, parameter.grad)
            update = update.transpose(0, 1) if transposed else update
            matrix = orthogonalized(update.flatten(1))
            size = _ROOT_MEAN_SQUARE * max(matrix.shape) ** 0.5 * self._base_rate * rate_factor
            change = matrix.reshape(update.shape)
            parameter.sub_(change.transpose(0, 1) if transposed else change, alpha=size)

    def _momentum_of(self, parameter: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Update the mean gradient of a parameter, and return it one step ahead (Nesterov)."""
        if parameter not in self.momenta:
            self.momenta[parameter] = torch.zeros_like(parameter)
        mean = self.momenta[parameter].lerp_(gradient, 1 - self._momentum)
        return gradient.lerp(mean, self._momentum)
