"""The update of the hash tables: straight from the gradients of grids, after many updates of a row, with special numbers."""

from __future__ import annotations

import importlib

import pytest
import torch

from model.config import HashEncodingConfig
from model.hash_encoding import HashEncoding
from tests.factories import make_config
from training.fields.native_kernels import HashTableAdam, TrainingKernels, available

pytestmark = pytest.mark.skipif(not available(), reason="the native package is not installed")

TIME = 0.37
INSTRUCTION_SETS = importlib.import_module("mlpvid_training_kernels").instruction_sets() if available() else ["none"]
HASHES = {
    "two features": HashEncodingConfig(16, 2, 10, 4, 40, 6),
    "four features": HashEncodingConfig(2, 4, 10, 4, 9, 3),
    "eight features": HashEncodingConfig(3, 8, 10, 4, 40, None),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", HASHES)
@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_steps_from_grids_are_those_from_gradients_of_the_tables(instruction_set: str, name: str, dtype: torch.dtype) -> None:
    config = make_config(hash=HASHES[name])
    start = torch.randn_like(HashEncoding(config.hash).tables, dtype=dtype)
    kernels = [TrainingKernels(config, threads, instruction_set) for threads in (1, 1, 3)]
    expected, one, three = (HashTableAdam(k, start.clone(), epsilon=1e-8) for k in kernels)
    for rate in (0.1, 0.05, 0.02):
        shape = (3, kernels[0].engine.nodes, start.shape[2])
        grids = [torch.randn(shape, dtype=dtype) * (torch.rand(shape[:2]) < 0.1)[..., None] for _ in range(3)]
        given = list(zip(grids, (0.0, TIME, TIME + 0.4), strict=True))  # at 0, nodes after the time have a weight of 0
        for grid, time in given:
            expected.accumulate(grid, time)
        untouched = ~expected.gradients.any(2)
        before = one.tables.clone()
        expected.step(rate)
        for adam in (one, three):
            adam.step_from_grids(rate, given)
            assert torch.equal(adam.tables, expected.tables) and not adam.gradients.any()
            for key, value in expected.state().items():
                assert torch.equal(adam.state()[key], value), key
        assert torch.equal(one.tables[untouched], before[untouched]) and not torch.equal(one.tables, before)


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.9, 0.999), (0.99, 0.9), (0.0, 0.99999)])
@pytest.mark.parametrize("count", [1, 2, 3000, 4095, 4096, 4097, 20000, 37000, 38000, 2000000])
def test_bias_corrections_follow_their_formula_after_any_number_of_updates(betas: tuple[float, float], count: int) -> None:
    before, gradient, m, v = (torch.rand(3, 2, 4, dtype=torch.float64) + 0.1 for _ in range(4))
    adam = HashTableAdam(TrainingKernels(make_config(), 1), before.clone(), betas, 1e-8)
    state = {"first_moments": m.view(6, 4), "second_moments": v.view(6, 4), "steps": torch.full((6,), count - 1)}
    adam.load_state(state)
    mean = (betas[0] * m + (1 - betas[0]) * gradient) / (1 - betas[0] ** count)
    square = (betas[1] * v + (1 - betas[1]) * gradient**2) / (1 - betas[1] ** count)
    adam.step(0.1, gradient.clone())
    assert torch.allclose(adam.tables, before - 0.1 * mean / (square.sqrt() + 1e-8), rtol=1e-10, atol=1e-12)


def test_gradients_that_are_zero_or_not_a_number_are_told_apart() -> None:
    tables = torch.zeros(3, 2, 4)
    adam = HashTableAdam(TrainingKernels(make_config(), 1), tables)
    gradient = torch.zeros(3, 2, 4)
    gradient[0, 0, 1], gradient[1, 0, 2], gradient[2, 1, 3] = -0.0, torch.nan, 1e-40
    adam.step(0.1, gradient)
    assert adam.steps.view(3, 2).tolist() == [[0, 0], [1, 0], [0, 1]]
    assert tables[1, 0].isnan().tolist() == [False, False, True, False]


def test_tables_and_grids_of_other_shapes_are_refused() -> None:
    config = make_config(hash=HASHES["four features"])
    kernels = TrainingKernels(config, 1)
    grids = torch.zeros(3, kernels.engine.nodes, 4)
    with pytest.raises(ValueError, match="parameters have another shape"):
        HashTableAdam(kernels, torch.zeros(3, 2, 4)).step_from_grids(0.1, [(grids, 0.0)])
    adam = HashTableAdam(kernels, torch.zeros_like(HashEncoding(config.hash).tables))
    with pytest.raises(ValueError, match="grids has another shape"):
        adam.step_from_grids(0.1, [(grids[:, 1:], 0.0)])
    with pytest.raises(ValueError, match="time must be"):
        adam.step_from_grids(0.1, [(grids, 1.0)])
    adam.step_from_grids(0.1, [])
    assert not adam.steps.any() and not adam.tables.any()
