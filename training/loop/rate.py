"""The rate term: parameters are rounded while they are trained, and the bits that they take are part of the loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch

from common.errors import InputError
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES
from model.hash_levels import hash_levels
from training.loop.laplace import bits, fitted, slope
from training.loop.network import Network

Steps = Mapping[str, tuple[float, ...]]
"""Steps of tensors by their name in a bundle: one, or for the hash tables one per level."""

BITS_PER_MEGABYTE = 8e6
"""Bits of a megabyte."""


class RateTerm:
    """Adds the gradient of the rate to that of the loss, and shows the rounded parameters to whatever computes the loss.

    Each tensor of the decoder with two or more axes, and each level of the hash tables, is a group with a step and a Laplace
    distribution of its own, which is fitted to the rounded numbers after every update (`training.loop.laplace`). The gradient
    of the loss at the rounded parameters is applied to the exact ones (straight-through), which the optimizer updates.

    Args:
        network: its parameters are read. They must not be replaced later.
        steps: of all groups.
        weight: loss that a megabyte costs.

    Raises:
        InputError: the steps do not fit the network.
    """

    def __init__(self, network: Network, steps: Steps, weight: float) -> None:
        self.steps = dict(steps)
        self._weight = weight / BITS_PER_MEGABYTE
        parameters = named_parameters(network)
        levels = [level.entries for level in hash_levels(network.hash_encoding.config)]
        expected = {name: len(levels) if name == HASH_TABLES else 1 for name in parameters}
        if {name: len(values) for name, values in steps.items()} != expected:
            raise InputError("the steps of the rate term", "do not fit the model")
        runs = {HASH_TABLES: levels}
        self._tensors = {p: RoundedTensor(p, steps[name], runs.get(name)) for name, p in parameters.items()}

    @property
    def megabytes(self) -> float:
        """Estimate of the size of decoder and hash tables in a bundle."""
        return sum(tensor.bits() for tensor in self._tensors.values()) / BITS_PER_MEGABYTE

    @contextlib.contextmanager
    def rounded(self) -> Iterator[None]:
        """Give the network's parameters their rounded values until the block ends."""
        exact = {parameter: parameter.data for parameter in self._tensors}
        try:
            for parameter, tensor in self._tensors.items():
                parameter.data = tensor.rounded
            yield
        finally:
            for parameter, values in exact.items():
                parameter.data = values

    @torch.no_grad()
    def add_to(self, parameter: torch.Tensor, gradient: torch.Tensor) -> None:
        """Add the gradient of the rate to a gradient of the parameter's shape; do nothing if the parameter is never rounded."""
        tensor = self._tensors.get(parameter)
        if tensor is not None:
            gradient.add_(tensor.slope(), alpha=self._weight)

    @torch.no_grad()
    def add_to_rows(self, tables: torch.Tensor, gradient: torch.Tensor, updates: torch.Tensor, step: int) -> None:
        """Add the gradient of the rate to the entries of the hash tables that have a gradient, in place.

        All others are skipped by the optimizer. An entry that is updated in one of n steps gets n times its gradient, so that
        the rate counts as much as for entries that are updated in every step.

        Args:
            tables: the parameter.
            gradient: (3, entries, F), contiguous.
            updates: (3 x entries,) int32, how often each entry was updated before.
            step: how many steps were done before.
        """
        flat = gradient.view(-1, gradient.shape[-1])
        rows = (flat != 0).any(1).nonzero()[:, 0]
        factor = self._weight * (step + 1) / (updates[rows] + 1)
        flat[rows] += self._tensors[tables].slope_of(rows) * factor[:, None]
        self._tensors[tables].changed = rows

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the parameters again after an update."""
        for tensor in self._tensors.values():
            tensor.refresh()


class RoundedTensor:
    """A parameter, its rounded values, and how often each occurs.

    Args:
        parameter: the exact values.
        steps: one, or one for each of `runs`.
        runs: lengths of the parts of axis 1 with a step each; None means that all values have the same.
    """

    def __init__(self, parameter: torch.Tensor, steps: tuple[float, ...], runs: list[int] | None) -> None:
        self.parameter, self._runs = parameter, runs
        self.rounded = parameter.detach().clone()
        """The values rounded to multiples of the steps."""
        self.changed: torch.Tensor | None = None
        """The rows of axes 0 and 1 together that the next `refresh` rounds; None means all."""
        device = parameter.device
        self._steps = torch.tensor(steps, dtype=torch.float32, device=device)
        lengths = torch.tensor([1] if runs is None else runs, device=device)
        self._group = torch.arange(len(steps), device=device).repeat_interleave(lengths)
        self._count = lengths * (parameter.numel() // int(lengths.sum()))
        self._nonzero, self._magnitude = torch.zeros_like(self._count), torch.zeros_like(self._count)
        self.refresh()

    def bits(self) -> float:
        """Return the bits that the rounded values take."""
        return float(bits(self._count, self._nonzero, self._magnitude).sum())

    def slope(self) -> torch.Tensor:
        """Return the derivative of the bits with respect to the exact values; it has the parameter's shape."""
        return slope(self.parameter.detach(), self._spread(self._steps), self._spread(self._fitted()))

    def slope_of(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the derivative for some rows (K,) of axes 0 and 1 together."""
        groups = self._group[rows % len(self._group)]
        return slope(_rows(self.parameter.detach())[rows], self._steps[groups, None], self._fitted()[groups, None])

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the values that have changed, and count the multiples of the steps again."""
        if self.changed is not None:
            self._refresh_rows(self.changed)
            self.changed = None
            return
        steps = self._spread(self._steps)
        multiples = (self.parameter.detach() / steps).round_()
        parts = [multiples] if self._runs is None else multiples.split(self._runs, dim=1)
        self._nonzero = torch.stack([part.count_nonzero() for part in parts])
        self._magnitude = torch.stack([part.abs().sum(dtype=torch.float64) for part in parts]).long()
        self.rounded.copy_(multiples.mul_(steps))

    def _refresh_rows(self, rows: torch.Tensor) -> None:
        groups, rounded = self._group[rows % len(self._group)], _rows(self.rounded)
        steps = self._steps[groups, None]
        before, after = (rounded[rows] / steps).round_(), (_rows(self.parameter.detach())[rows] / steps).round_()
        for multiples, sign in ((before, -1), (after, 1)):  # whole numbers, so the counts stay exact
            self._nonzero.index_add_(0, groups, multiples.count_nonzero(1), alpha=sign)
            self._magnitude.index_add_(0, groups, multiples.abs().sum(1).long(), alpha=sign)
        rounded[rows] = after * steps

    def _fitted(self) -> torch.Tensor:
        return fitted(self._count, self._nonzero, self._magnitude).float()

    def _spread(self, of_groups: torch.Tensor) -> torch.Tensor:
        """Return numbers of the groups so that they broadcast with the parameter."""
        return of_groups[0] if self._runs is None else of_groups[self._group, None]


def round_parameters(network: Network, steps: Steps) -> None:
    """Round a network's parameters for good; raises as `RateTerm` does."""
    with RateTerm(network, steps, 0.0).rounded():
        rounded = [parameter.data for parameter in network.parameters()]
    for parameter, values in zip(network.parameters(), rounded, strict=True):
        parameter.data = values


def named_parameters(network: Network) -> dict[str, torch.Tensor]:
    """Return the parameters that a bundle can round, by their names in it."""
    decoder = {DECODER_PREFIX + name: p for name, p in network.decoder.named_parameters() if p.dim() >= 2}
    return decoder | {HASH_TABLES: network.hash_encoding.tables}


def _rows(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, values.shape[-1])
