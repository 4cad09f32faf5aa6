"""Adam against its formula."""

from __future__ import annotations

import numpy as np
import torch

from training.loop.adam import MOMENTS, Adam, AdamGroup

BETAS = (0.8, 0.95)


def expected(start: np.ndarray, gradients: list[np.ndarray], rates: list[float], epsilon: float) -> np.ndarray:
    """Return the parameters after steps as in Kingma and Ba (2015), algorithm 1."""
    values, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m = BETAS[0] * m + (1 - BETAS[0]) * gradient
        v = BETAS[1] * v + (1 - BETAS[1]) * gradient**2
        values -= rate * (m / (1 - BETAS[0] ** t)) / (np.sqrt(v / (1 - BETAS[1] ** t)) + epsilon)
    return values


def test_each_group_follows_the_formula_with_its_own_rate_and_epsilon() -> None:
    random = np.random.default_rng()
    factors = [(1.0, 0.3, 1.0), (0.5, 0.7, 1.0), (0.25, None, 1.0), (0.0, 0.2, None)]  # None: the group stays as it is
    shapes, settings = ((3, 4), (5,), (2, 3, 2)), ((0.1, 1e-8), (0.1, 1e-8), (0.02, 0.5))
    starts = [random.normal(size=shape) for shape in shapes]
    parameters = [torch.nn.Parameter(torch.from_numpy(start).clone()) for start in starts]
    adam = Adam(
        [AdamGroup(parameters[:2], *settings[0]), AdamGroup(parameters[2:], *settings[2]), AdamGroup([], 1.0, 1.0)], BETAS
    )
    assert not adam.state, "a checkpoint before the first step has no moments"
    gradients = [[random.normal(size=shape) for shape in shapes] for _ in factors]
    for of_groups, of_step in zip(factors, gradients, strict=True):
        for parameter, gradient in zip(parameters, of_step, strict=True):
            parameter.grad = torch.from_numpy(gradient).clone()
        adam.step(of_groups)
    for index, (parameter, (base, epsilon)) in enumerate(zip(parameters, settings, strict=True)):
        of_group = [f[index // 2] for f in factors]
        done = [(g[index], base * f) for g, f in zip(gradients, of_group, strict=True) if f is not None]
        wanted = expected(starts[index], [gradient for gradient, _ in done], [rate for _, rate in done], epsilon)
        np.testing.assert_allclose(parameter.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)
        assert set(adam.state[parameter]) == set(MOMENTS) and float(adam.state[parameter]["step"]) == len(done)
