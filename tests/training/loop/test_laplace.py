"""The bits of rounded numbers under a Laplace distribution, and what they cost before rounding."""

from __future__ import annotations

import math

import pytest
import torch

from training.loop.laplace import bits, fitted, slope

STEP = torch.tensor(0.2, dtype=torch.float64)
X = 0.4
A = -torch.log(torch.tensor(X, dtype=torch.float64))


def value_bits(values: torch.Tensor, step: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """Return the bits of numbers before rounding: -log2 of the probability of the interval of one step around each."""
    distance = 2 * a * values.abs() / step  # |w| / b
    inner = distance.minimum(a)
    near = -torch.log(-(torch.expm1(inner - a) + torch.expm1(-inner - a)) / 2)
    return (near + distance - inner) / math.log(2)


def counted(numbers: list[int]) -> tuple[torch.Tensor, ...]:
    """Return count, nonzero and magnitude of one group."""
    return torch.tensor([[len(numbers)], [sum(map(bool, numbers))], [sum(map(abs, numbers))]]).unbind()


def test_the_bits_of_four_numbers_by_hand() -> None:
    """For 0, 1, -1, 1 the best x is 1/2: P(0) = 1/2 and P(1) = P(-1) = 1/2 (1 - 1/4) / 2 = 3/16."""
    group = counted([0, 1, -1, 1])
    assert fitted(*group).item() == pytest.approx(math.log(2))
    assert bits(*group).item() == pytest.approx(1 + 3 * math.log2(16 / 3))


def test_the_probabilities_of_all_whole_numbers_sum_to_one() -> None:
    numbers = torch.arange(-60, 61, dtype=torch.float64) * STEP
    assert (2 ** -value_bits(numbers, STEP, A)).sum().item() == pytest.approx(1)
    assert (2 ** -value_bits(torch.zeros(1, dtype=torch.float64), STEP, A)).item() == pytest.approx(1 - X)


def test_the_fit_is_best() -> None:
    numbers = (torch.randn(4000, generator=torch.Generator().manual_seed(1)) * 1.3).round().double()
    group = counted(numbers.int().tolist())
    a = fitted(*group)
    best, *others = (value_bits(numbers, torch.ones(1), other).sum().item() for other in (a, a - 0.01, a + 0.01))
    assert best == pytest.approx(bits(*group).item()) and best < min(others)
    frequencies = torch.tensor([(numbers == q).double().mean().item() for q in range(-9, 10)])
    entropy = -(frequencies * frequencies.clamp(min=1e-9).log2()).sum().item() * len(numbers)
    assert entropy < best < 1.05 * entropy, "a Gaussian is nearly as compressible as this distribution says"


def test_the_slope_is_the_derivative_and_constant_from_half_a_step_on() -> None:
    values = torch.linspace(-0.5, 0.5, 301, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(value_bits(values, STEP, A).sum(), values)
    torch.testing.assert_close(slope(values.detach(), STEP, A), gradient)
    away = torch.tensor([-7.0, -0.1, 0.0, 0.1, 3.0], dtype=torch.float64)
    steepest = -2 * math.log2(X) / STEP.item()
    torch.testing.assert_close(slope(away, STEP, A), steepest * away.sign())


def test_a_group_of_zeros_has_finite_bits_and_slopes() -> None:
    a = fitted(*counted([0] * 100_000))
    assert 0 < bits(*counted([0] * 100_000)).item() < 5
    steep = slope(torch.tensor([-1.0, 0.0, 1e-3, 50.0]), torch.tensor(0.1), a.float())
    assert bool(steep.isfinite().all()) and steep[0] < 0 == steep[1] < steep[2] < steep[3]


def test_a_tiny_step_has_the_slope_of_a_density() -> None:
    """With steps of a billionth of the values, the slope is 1 / (b ln 2), b being their mean magnitude, even in float32."""
    numbers = torch.tensor([3_000_000_000, -1_000_000_000, 2_000_000_000])
    a = fitted(torch.tensor([3]), torch.tensor([3]), numbers.abs().sum()[None])
    given = slope(numbers * torch.tensor(1e-9), torch.tensor(1e-9), a.float())
    torch.testing.assert_close(given, numbers.sign() / (2.0 * math.log(2)), rtol=1e-4, atol=0)
    assert slope(torch.zeros(1), torch.tensor(1e-9), a.float()).item() == 0
