"""The rate term: rounded parameters, the gradient of their bits, runs that resume from the same bits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.bundle.coding import CodedSpec, decode, encode_steps
from model.bundle.layout import HASH_TABLES
from model.hash_levels import hash_levels
from tests.training.loop.shared_scene import scene_of, with_single_points
from tests.training.loop.test_laplace import value_bits
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import RateConfig, TrainingConfig, load_config
from training.loop.network import Network
from training.loop.rate import RateTerm, Steps, named_parameters, round_parameters
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

STEPS = 6


def make_config(weight: float = 1e-3, **rays: object) -> TrainingConfig:
    config = with_single_points(load_config("tiny"))
    changed = dataclasses.replace(config.rays, rays_per_frame=64, prune_every=0.4, **rays)  # type: ignore[arg-type]
    data = dataclasses.replace(config.data, hull_resolution=16)
    return dataclasses.replace(config, rays=changed, data=data, steps=STEPS, rate=RateConfig(weight))


def make_network(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    network = Network(make_config(), 3)
    torch.nn.init.uniform_(network.hash_encoding.tables, -0.5, 0.5)
    return network


def make_steps(network: Network, size: float = 0.25) -> Steps:
    """Return steps of a share of each group's largest number, which may be 0; each level of the hash tables has another one."""
    levels = len(hash_levels(network.hash_encoding.config))
    steps = {name: (max(0.01, size * float(p.detach().abs().max())),) for name, p in named_parameters(network).items()}
    return steps | {HASH_TABLES: tuple(0.1 + 0.02 * level for level in range(levels))}


def as_stored(values: torch.Tensor, steps: tuple[float, ...], runs: tuple[int, ...]) -> torch.Tensor:
    """Return an array as a reader of the bundle gets it."""
    array = values.contiguous().numpy()
    packed, code = encode_steps(array, steps, runs)
    return torch.from_numpy(decode(np.frombuffer(packed, np.uint8), code, CodedSpec("F32", array.shape, "decoder", runs)))


def test_parameters_are_rounded_as_a_bundle_rounds_them_and_only_inside() -> None:
    network = make_network()
    steps, exact = make_steps(network), {name: p.detach().clone() for name, p in named_parameters(network).items()}
    levels = tuple(level.entries for level in hash_levels(network.hash_encoding.config))
    stored = {name: as_stored(value, steps[name], levels if name == HASH_TABLES else ()) for name, value in exact.items()}
    with pytest.raises(ZeroDivisionError), RateTerm(network, steps, 1.0).rounded():
        assert all(torch.equal(p.detach(), stored[name]) for name, p in named_parameters(network).items())
        raise ZeroDivisionError
    assert all(torch.equal(p.detach(), exact[name]) for name, p in named_parameters(network).items())
    round_parameters(network, steps)
    assert all(torch.equal(p.detach(), stored[name]) for name, p in named_parameters(network).items())


def test_the_gradient_is_that_of_the_bits() -> None:
    """With dense gradients it is added everywhere; the distribution counts as fixed, because it is the best one anyway."""
    network = make_network()
    rate = RateTerm(network, make_steps(network), weight=2.0)
    for parameter in named_parameters(network).values():
        tensor = rate._tensors[parameter]
        a = tensor._spread(tensor._fitted())
        total = 2.0 / 8e6 * value_bits(parameter, tensor._spread(tensor._steps), a).sum()
        (expected,) = torch.autograd.grad(total, parameter)
        gradient = torch.ones_like(parameter)
        rate.add_to(parameter, gradient)
        torch.testing.assert_close(gradient - 1, expected, rtol=1e-3, atol=1e-6)
    untouched = torch.zeros(3, 4)
    rate.add_to(torch.zeros(3, 4), untouched)
    assert not untouched.any()


def test_rows_without_a_gradient_have_none_and_rare_ones_have_more() -> None:
    """An entry that was updated once before, in 3 steps, gets (3 + 1) / (1 + 1) times the gradient."""
    network = make_network()
    tables = network.hash_encoding.tables
    rate = RateTerm(network, make_steps(network), weight=8e6)
    entries, features = tables.shape[1:]
    gradient, updates = torch.zeros_like(tables), torch.zeros(3 * entries, dtype=torch.int32)
    gradient[1, 5, 0] = gradient[2, entries - 1, 1] = 1e-20
    updates[entries + 5], updates[3 * entries - 1] = 1, 3
    rate.add_to_rows(tables, gradient, updates, step=3)
    slopes = rate._tensors[tables].slope()
    expected = torch.zeros_like(gradient)
    expected[1, 5], expected[2, entries - 1] = 2 * slopes[1, 5], slopes[2, entries - 1]
    torch.testing.assert_close(gradient, expected)
    assert int((gradient != 0).sum()) == 2 * features


def test_rounding_single_rows_again_is_the_same_as_rounding_everything() -> None:
    network = make_network()
    tables, steps = network.hash_encoding.tables, make_steps(network)
    rate = RateTerm(network, steps, 1.0)
    before = rate.megabytes
    rows = torch.randperm(tables.shape[0] * tables.shape[1])[:500]
    with torch.no_grad():
        tables.view(-1, tables.shape[2])[rows] *= 0.1
    rate._tensors[tables].changed = rows
    rate.refresh()
    again = RateTerm(network, steps, 1.0)
    assert rate.megabytes == again.megabytes < before
    with rate.rounded():
        rounded = tables.data
    with again.rounded():
        assert torch.equal(rounded, tables.data)


def test_steps_that_do_not_fit_are_refused() -> None:
    network = make_network()
    steps = make_steps(network)
    with pytest.raises(InputError, match="do not fit"):
        RateTerm(network, {**steps, HASH_TABLES: (0.1,)}, 1.0)
    with pytest.raises(InputError, match="do not fit"):
        RateTerm(network, dict(list(steps.items())[1:]), 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=3)


def trained(
    folder: Path, config: TrainingConfig, steps: int, *, workers: int = 2, native: bool | None = None, run: Path | None = None
) -> Trainer:
    """Train from the same first parameters, or continue a run."""
    with worker_pool(workers) as pool:
        trainer = Trainer(open_capture(folder), config, 3, scene_of(folder, config.data), pool, native)
        if run is None:
            trainer.network.load_state_dict(make_network().state_dict())
            trainer.round_to(make_steps(trainer.network))
        else:
            trainer.load(run)
        for _ in range(steps):
            trainer.advance()
    return trainer


def state_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.network.state_dict().items()} | trainer.optimizer.state()


@pytest.mark.parametrize("native", [True, False])
def test_a_resumed_run_and_another_number_of_workers_give_the_same_bits(folder: Path, tmp_path: Path, native: bool) -> None:
    whole = trained(folder, make_config(), STEPS, native=native)
    trained(folder, make_config(), 3, workers=1, native=native).save(tmp_path)
    resumed = trained(folder, make_config(), STEPS - 3, workers=3, native=native, run=tmp_path)
    expected, given = state_of(whole), state_of(resumed)
    assert all(torch.equal(value, expected[name]) for name, value in given.items())
    assert whole.rate is not None and resumed.rate is not None
    assert whole.rate.steps == resumed.rate.steps and whole.rate.megabytes == resumed.rate.megabytes


@pytest.mark.parametrize("native", [True, False])
def test_a_larger_weight_gives_a_smaller_size(folder: Path, native: bool) -> None:
    sizes = []
    for weight in (1e-9, 1e4):
        rate = trained(folder, make_config(weight), STEPS, native=native).rate
        assert rate is not None
        sizes.append(rate.megabytes)
    assert sizes[1] < 0.99 * sizes[0]


def test_a_checkpoint_without_the_steps_is_refused(folder: Path, tmp_path: Path) -> None:
    trainer = trained(folder, make_config(), 1)
    trainer.rate = None
    trainer.save(tmp_path)
    with pytest.raises(InputError, match="damaged"):
        trained(folder, make_config(), 0, run=tmp_path)
