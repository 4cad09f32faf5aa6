"""How many bits whole numbers take under the Laplace distribution that fits them best, and how this changes with a number.

A group of numbers w is rounded to whole numbers q = round(w / step). The Laplace distribution with mean 0 and scale b gives
q = 0 the probability 1 - x, and every other q the probability x (1 - x^2) / 2 * x^(2 |q| - 2), with x = exp(-a) and
a = step / (2 b). An entropy coder needs -log2 of the probability for each.
"""

from __future__ import annotations

import math

import torch


def fitted(count: torch.Tensor, nonzero: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
    """Return the parameter a of the distribution that fits the numbers of each group best: the one of largest likelihood.

    Args:
        count: (G,), how many numbers a group has.
        nonzero: (G,), how many of them are not zero. At least one counts as such, so that the probability is never 0.
        magnitude: (G,), sum of |q|.

    Returns:
        (G,) float64, above 0.
    """
    some = nonzero.double().clamp(min=1)
    zeros, more = (count - some).clamp(min=0), (magnitude.double() - some).clamp(min=0)
    # The derivative of the likelihood is 0 where squares x^2 + zeros x = constant.
    squares, constant = zeros + 3 * some + 2 * more, some + 2 * more
    return -torch.log((torch.sqrt(zeros * zeros + 4 * squares * constant) - zeros) / (2 * squares))


def bits(count: torch.Tensor, nonzero: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
    """Return the bits that all numbers of each group take together, (G,) float64; arguments as in `fitted`."""
    a = fitted(count, nonzero, magnitude)
    of_zero, of_one = -torch.log(-torch.expm1(-a)), a - torch.log(-torch.expm1(-2 * a) / 2)
    natural = (count - nonzero) * of_zero + nonzero * of_one + 2 * a * (magnitude - nonzero)
    return natural / math.log(2)


def slope(values: torch.Tensor, step: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """Return how many bits more a number takes when it grows: the derivative of the bits of numbers before rounding.

    These are -log2 of the probability of the interval of one step around each number; for multiples of the step, the bits of
    the rounded numbers. The derivative is 0 at 0, and constant from half a step on.

    Args:
        values: numbers of any shape.
        step: the step, to which the numbers of the group are rounded; broadcasts.
        a: of the group, see `fitted`; broadcasts.
    """
    inner = (2 * a * values.abs() / step).minimum(a)
    rising, falling = torch.expm1(inner - a), torch.expm1(-inner - a)
    steepest = 2 * a / (step * math.log(2))
    return values.sign() * steepest * (rising - falling) / -(rising + falling)
