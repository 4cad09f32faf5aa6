"""Muon against its formula, and what an optimizer with Muon keeps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from training.config import TrainingConfig, load_config
from training.loop.muon import ITERATIONS, Muon, MuonLayer, orthogonalized
from training.loop.network import Network
from training.loop.optimizer import Optimizer
from training.loop.schedule import RateFactors
from training.loop.workers import worker_pool


def polynomial(values: np.ndarray) -> np.ndarray:
    """Return what the iteration makes of singular values, which it changes one by one."""
    for _ in range(ITERATIONS):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return values


def orthogonalized_by_svd(matrix: np.ndarray) -> np.ndarray:
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    return u * polynomial(s / np.linalg.norm(matrix)) @ v


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (3, 40), (70, 4)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng().normal(size=shape)
    found = orthogonalized(torch.from_numpy(matrix)).numpy()
    np.testing.assert_allclose(found, orthogonalized_by_svd(matrix), atol=1e-9)
    values = np.linalg.svd(found)[1]
    assert values.min() > 0.6 and values.max() < 1.3
    single = orthogonalized(torch.from_numpy(matrix).float()).numpy()
    np.testing.assert_allclose(single, found, atol=1e-3)


def test_the_size_of_a_gradient_does_not_count_and_zero_stays_zero() -> None:
    matrix = torch.randn(6, 9)
    torch.testing.assert_close(orthogonalized(matrix * 1e-20), orthogonalized(matrix), atol=1e-5, rtol=0)
    assert (orthogonalized(torch.zeros(6, 9)) == 0).all()


@pytest.mark.parametrize("workers", [0, 2])
def test_steps_follow_the_formula(workers: int) -> None:
    random, rates = np.random.default_rng(), [1.0, 0.5, 0.0]
    shapes, scales, rate, momentum = ((5, 3), (4, 3, 2, 2), (3, 4, 2, 2)), (1.0, 0.25, 2.0), 0.01, 0.9
    starts = [random.normal(size=shape) for shape in shapes]
    weights = [torch.nn.Parameter(torch.from_numpy(start).clone()) for start in starts]
    muon = Muon([MuonLayer(w, index == 2, scales[index]) for index, w in enumerate(weights)], rate, momentum)
    means = [np.zeros(shape) for shape in shapes]
    for factor in rates:
        for index, weight in enumerate(weights):
            gradient = random.normal(size=shapes[index])
            weight.grad = torch.from_numpy(gradient)
            means[index] = momentum * means[index] + (1 - momentum) * gradient
            ahead = momentum * means[index] + (1 - momentum) * gradient
            rows = ahead.swapaxes(0, 1) if index == 2 else ahead
            change = orthogonalized_by_svd(rows.reshape(len(rows), -1)).reshape(rows.shape) * rate * factor / scales[index]
            starts[index] -= change.swapaxes(0, 1) if index == 2 else change
        with worker_pool(2) as pool:
            muon.step(factor, pool if workers else None)
    for weight, expected in zip(weights, starts, strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), expected, atol=1e-9)


def config_with(decoder: str, **changes: object) -> TrainingConfig:
    config = load_config("tiny")
    return dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, decoder=decoder), **changes)  # type: ignore[arg-type]


def state_after_a_step(config: TrainingConfig) -> tuple[Network, Optimizer]:
    network = Network(config, 2)
    optimizer = Optimizer(network, config, native=False)
    optimizer.step([torch.randn_like(parameter) for parameter in network.parameters()], RateFactors(1.0, 1.0))
    return network, optimizer


def test_muon_updates_the_weights_of_the_decoders_layers_and_adam_all_else() -> None:
    network, optimizer = state_after_a_step(config_with("muon"))
    weights = {n for n, p in network.named_parameters() if n.startswith("decoder.") and n.endswith(".weight")}
    assert len(weights) == 8 and "decoder.color_head.weight" in weights, "linear, 3 upsamplings, color trunk, 3 heads"
    of_moment: dict[str, set[str]] = {name: set() for name in ("momentum", "exp_avg")}
    for key in optimizer.state():
        moment, name = key.split(".", 1)
        of_moment.get(moment, set()).add(name)
    assert of_moment["momentum"] == weights
    assert of_moment["exp_avg"] == {name for name, _ in network.named_parameters()} - weights
    assert {name: tuple(value.shape) for name, value in optimizer.state().items()} == optimizer.expected_shapes()


@pytest.mark.parametrize("config", [config_with("adam"), config_with("muon", frozen_decoder=True)])
def test_without_muon_or_without_gradients_nothing_has_momentum(config: TrainingConfig) -> None:
    assert not any(name.startswith("momentum") for name in state_after_a_step(config)[1].state())


def test_the_state_continues_exactly() -> None:
    config = config_with("muon")
    network, optimizer = state_after_a_step(config)
    copy = Network(config, 2)
    copy.load_state_dict(network.state_dict())
    continued = Optimizer(copy, config, native=False)
    continued.load_state(optimizer.state())
    gradients: list[torch.Tensor | None] = [torch.randn_like(parameter) for parameter in network.parameters()]
    for each in (optimizer, continued):
        each.step(gradients, RateFactors(0.5, 0.5))
    for one, other in zip(network.parameters(), copy.parameters(), strict=True):
        assert torch.equal(one, other)
