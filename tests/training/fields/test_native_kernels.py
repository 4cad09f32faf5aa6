"""The native training kernels against the formulas in plain PyTorch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import pytest
import torch

from model.config import PLANES, DecoderConfig, HashEncodingConfig, ModelConfig
from model.frame import Frame
from model.hash_encoding import HashEncoding
from training.fields.field import MarchSettings, RenderedRays
from training.fields.native_kernels import HashTableAdam, TrainingKernels, available
from training.fields.samples import RaySamples
from training.fields.torch_field import render_samples
from training.loop.adam import Adam, AdamGroup

pytestmark = pytest.mark.skipif(not available(), reason="the native package is not installed")

TIME = 0.37
INSTRUCTION_SETS = importlib.import_module("mlpvid_training_kernels").instruction_sets() if available() else ["none"]
CONFIGS: dict[str, dict[str, object]] = {
    "nearest": {},
    "bilinear": {"assignment": "bilinear"},
    "one plane": {"mlp_planes": ("xz",), "view_encoding": "spherical_harmonics", "color_map_resolution": 4},
    "one plane thrice": {"mlp_planes": ("xy", "xy", "xy"), "assignment": "bilinear"},
    "two features": {"hash": HashEncodingConfig(16, 2, 10, 4, 40, 6)},
    "eight features": {"hash": HashEncodingConfig(3, 8, 10, 4, 40, None)},
    "few channels": {"hash": HashEncodingConfig(2, 4, 10, 4, 9, 3)},
}


@dataclass
class Case:
    """Maps, samples and settings of one comparison."""

    config: ModelConfig
    encoding: HashEncoding
    maps: list[torch.Tensor]
    samples: RaySamples
    directions: torch.Tensor
    settings: MarchSettings

    @property
    def leaves(self) -> list[torch.Tensor]:
        return [self.encoding.tables, *self.maps]

    def expected(self) -> RenderedRays:
        box = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
        grids = self.encoding.bake(TIME)
        frame = Frame(self.config, 0.0, box, torch.ones(1, dtype=torch.bool), grids, *self.maps)
        return render_samples(frame, self.samples, self.directions, self.settings)

    def native(self, threads: int = 1, instruction_set: str | None = None) -> RenderedRays:
        kernels = TrainingKernels(self.config, threads, instruction_set)
        grids = kernels.bake(self.encoding.tables, TIME)
        features, densities, colors = self.maps
        return kernels.render_samples(grids, features, densities, colors, self.samples, self.directions, self.settings)


def make_config(overrides: dict[str, object]) -> ModelConfig:
    values: dict[str, object] = {
        "hash": HashEncodingConfig(8, 4, 10, 4, 40, 6),
        "decoder": DecoderConfig(latent_channels=4, backbone_channels=(8, 8, 8)),
        "feature_plane_resolution": 8,
        "density_map_resolution": 16,
        "color_map_resolution": 8,
    }
    return ModelConfig(**{**values, **overrides})  # type: ignore[arg-type]


def make_case(overrides: dict[str, object], dtype: torch.dtype = torch.float64, rays: int = 60, seed: int = 0) -> Case:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    config = make_config(overrides)
    encoding = HashEncoding(config.hash).to(dtype)
    encoding.tables.data = normal(*encoding.tables.shape)
    planes, size = len(config.mlp_planes), config.color_map_resolution
    maps = [normal(3, 32, 8, 8), normal(planes, 32, 16, 16), 0.3 * normal(planes, size, size, config.color_head_parameters)]
    counts = torch.randint(0, 20, (rays,), generator=generator)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    points = torch.rand(int(offsets[-1]), 3, generator=generator, dtype=dtype)
    points[::7] = points[::7].round()  # corners and edges of the box
    directions = torch.nn.functional.normalize(normal(rays, 3), dim=1)
    settings = MarchSettings(leak=0.1, penalty_limit=0.3, min_transmittance=0.05)
    return Case(config, encoding, [m.requires_grad_() for m in maps], RaySamples(points, offsets, 0.02), directions, settings)


def loss_of(result: RenderedRays) -> torch.Tensor:
    """Return a scalar that depends on each output with a different weight."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(len(result.opacity), 6, generator=generator, dtype=result.color.dtype)
    of_rays = torch.cat([result.color, result.moments, result.opacity[:, None]], dim=1)
    return (of_rays * weights).sum() + 3 * result.penalty


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().abs().max() / a.detach().abs().max().clamp(min=1e-12))


def skip_if_missing(instruction_set: str) -> None:
    try:
        TrainingKernels(make_config({}), 1, instruction_set)
    except ValueError:
        pytest.skip(f"this processor has no {instruction_set}")


@pytest.mark.parametrize("name", CONFIGS)
def test_values_and_gradients_are_those_of_the_formulas(name: str) -> None:
    case = make_case(CONFIGS[name])
    expected, native = case.expected(), case.native()
    for field in ("color", "moments", "opacity", "penalty"):
        assert difference(getattr(expected, field), getattr(native, field)) < 1e-12, field
    assert (expected.marched, expected.colored) == (native.marched, native.colored)
    wanted = torch.autograd.grad(loss_of(expected), case.leaves)
    for index, (a, b) in enumerate(zip(wanted, torch.autograd.grad(loss_of(native), case.leaves), strict=True)):
        assert a.abs().max() > 0, index
        assert difference(a, b) < 1e-11, index


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("name", ["nearest", "bilinear", "two features"])
def test_every_instruction_set_in_single_precision(name: str, instruction_set: str) -> None:
    skip_if_missing(instruction_set)
    case = make_case(CONFIGS[name], torch.float32)
    expected, native = case.expected(), case.native(2, instruction_set)
    assert difference(expected.color, native.color) < 1e-5
    assert difference(expected.opacity, native.opacity) < 1e-5
    wanted = torch.autograd.grad(loss_of(expected), case.leaves)
    for a, b in zip(wanted, torch.autograd.grad(loss_of(native), case.leaves), strict=True):
        # A hidden unit at its rectifier's edge may fall on either side, so the mean decides, not the largest difference.
        assert float((a - b).abs().mean() / a.abs().mean()) < 1e-4


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_gradcheck(instruction_set: str) -> None:
    skip_if_missing(instruction_set)
    case = make_case({"assignment": "bilinear", "hash": HashEncodingConfig(2, 2, 4, 2, 3, 2)}, rays=3)
    case.settings = MarchSettings(leak=0.0, penalty_limit=0.05, weight_threshold=0.0, min_transmittance=0.0)
    kernels = TrainingKernels(case.config, 2, instruction_set)

    def outputs(*leaves: torch.Tensor) -> tuple[torch.Tensor, ...]:
        tables, features, densities, colors = leaves
        grids = kernels.bake(tables, TIME)
        result = kernels.render_samples(grids, features, densities, colors, case.samples, case.directions, case.settings)
        return result.color, result.moments, result.opacity, result.penalty

    assert torch.autograd.gradcheck(outputs, case.leaves, fast_mode=True, atol=1e-6)


@pytest.mark.parametrize("threads", [2, 7])
def test_any_number_of_threads_gives_the_same_bits(threads: int) -> None:
    case = make_case({"assignment": "bilinear"}, torch.float32, rays=500)
    one, many = case.native(1), case.native(threads)
    assert torch.equal(one.color, many.color) and torch.equal(one.opacity, many.opacity)
    first = torch.autograd.grad(loss_of(one), case.leaves)
    for a, b in zip(first, torch.autograd.grad(loss_of(many), case.leaves), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("name", ["nearest", "bilinear", "two features"])
def test_fixed_maps_change_no_bit_of_the_tables_gradient(name: str, instruction_set: str) -> None:
    skip_if_missing(instruction_set)
    case = make_case(CONFIGS[name], torch.float32, rays=200)
    whole = torch.autograd.grad(loss_of(case.native(2, instruction_set)), case.leaves)[0]
    for part in case.maps:
        part.requires_grad_(False)
    (fixed,) = torch.autograd.grad(loss_of(case.native(2, instruction_set)), case.leaves[:1])
    assert torch.equal(whole, fixed) and bool(whole.any())


def test_random_heads_have_the_expectation_of_blended_ones() -> None:
    case = make_case({"assignment": "bilinear"}, rays=400)
    case.maps[2].data *= 0.1  # nearly linear sigmoids
    blended = case.native().color.detach()
    total = torch.zeros_like(blended)
    for seed in range(200):
        case.settings = MarchSettings(penalty_limit=0.3, min_transmittance=0.05, stochastic_seed=seed)
        total += case.native().color.detach()
    case.settings = MarchSettings(penalty_limit=0.3, min_transmittance=0.05)
    blended = case.native().color.detach()
    assert float((total / 200 - blended).abs().mean() / blended.abs().mean()) < 0.01


def test_no_rays_and_rays_without_samples() -> None:
    case = make_case({}, torch.float32)
    empty = RaySamples(torch.zeros(0, 3), torch.zeros(1, dtype=torch.int64), 0.02)
    missed = RaySamples(torch.zeros(0, 3), torch.zeros(4, dtype=torch.int64), 0.02)
    for samples, rays in ((empty, 0), (missed, 3)):
        case.samples, case.directions = samples, torch.ones(rays, 3)
        result = case.native()
        assert result.color.shape == (rays, 3) and not result.color.any() and not result.opacity.any()
        for gradient in torch.autograd.grad(loss_of(result), case.leaves):
            assert not gradient.any()


def test_the_opacity_of_a_thin_ray_keeps_its_digits() -> None:
    case = make_case({}, torch.float32)
    case.samples = RaySamples(case.samples.points[:8], torch.tensor([0, 8]), 0.02)
    case.directions = case.directions[:1]
    case.maps[1].data *= 1e-6 / -torch.log1p(-case.expected().opacity.double()).item()
    opacity = case.native().opacity.item()
    assert opacity == pytest.approx(1e-6, rel=1e-4)
    assert opacity == pytest.approx(case.expected().opacity.item(), rel=1e-5)


def test_not_a_number_reaches_the_opacity() -> None:
    case = make_case({}, torch.float32)
    case.maps[1].data[:] = float("nan")
    first = case.samples.offsets.diff() > 0
    assert case.native().opacity[first].isnan().all()


def test_points_outside_the_box_read_within_the_maps() -> None:
    case = make_case({}, torch.float32)
    case.samples = RaySamples(case.samples.points * 20 - 10, case.samples.offsets, 0.02)
    assert torch.autograd.grad(loss_of(case.native()), case.leaves)[0].shape == case.encoding.tables.shape


def test_wrong_arrays_are_refused() -> None:
    case = make_case({}, torch.float32)
    kernels = TrainingKernels(case.config, 1)
    with pytest.raises(ValueError, match="tables has another shape"):
        kernels.bake(case.encoding.tables[:, 1:].contiguous(), TIME)
    with pytest.raises(ValueError, match="is not supported by this processor"):
        TrainingKernels(case.config, 1, "x86_64_v9")


def test_density_is_that_of_the_formulas() -> None:
    case = make_case({}, torch.float32)
    kernels = TrainingKernels(case.config, 1)
    points = torch.rand(100, 3)
    density = kernels.density(kernels.bake(case.encoding.tables, TIME), case.maps[0], case.maps[1], points)
    case.samples, case.directions = RaySamples(points, torch.arange(101), 0.001), torch.ones(100, 3)
    case.settings = MarchSettings()
    assert torch.allclose(1 - torch.exp(-0.001 * density), case.expected().opacity, atol=1e-6)


def test_samples_lie_in_their_steps_and_in_set_cells() -> None:
    kernels = TrainingKernels(make_config({}), 2)
    box = torch.tensor([[-1.0, 0.0, 2.0], [1.0, 3.0, 4.0]])
    origins = torch.tensor([[-3.0, 1.4, 3.1], [0.0, 1.4, 3.1], [5.0, 5.0, 5.0]])
    directions = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    cells = torch.zeros(4, 1, 1, dtype=torch.bool)
    cells[1] = True  # x in [-0.5, 0)
    middle = kernels.sample_rays(origins, directions, box, cells, 0.2)
    assert middle.offsets.tolist() == [0, 3, 3, 3]  # x = -0.5, -0.3, -0.1; the second ray runs along x = 0, the third misses
    assert torch.allclose(middle.points[:, 0] * 2 - 1, torch.tensor([-0.5, -0.3, -0.1]), atol=1e-5)
    everywhere = kernels.sample_rays(origins, directions, box, torch.ones(4, 1, 1, dtype=torch.bool), 0.2, seed=5)
    assert everywhere.offsets.diff().tolist() == [10, 8, 0]
    slots = (everywhere.points[:10, 0] * 2) / 0.2
    assert torch.equal(slots.floor(), torch.arange(10.0)) and slots.frac().std() > 0.1
    again = kernels.sample_rays(origins, directions, box, torch.ones(4, 1, 1, dtype=torch.bool), 0.2, seed=5)
    assert torch.equal(again.points, everywhere.points)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adam_on_dense_gradients_is_the_usual_one(dtype: torch.dtype) -> None:
    kernels = TrainingKernels(make_config({}), 2)
    tables = torch.nn.Parameter(torch.randn(3, 50, 4, dtype=dtype))
    expected = torch.nn.Parameter(tables.detach().clone())
    reference = Adam([AdamGroup([expected], 0.02, 1e-8)], (0.8, 0.95))  # test_adam.py compares it with the formula
    adam = HashTableAdam(kernels, tables, (0.8, 0.95), 1e-8)
    for _ in range(20):
        gradient = torch.randn(3, 50, 4, dtype=dtype)
        expected.grad = gradient.clone()
        reference.step([1.0])
        adam.step(0.02, gradient)
        assert not gradient.any()
    assert torch.allclose(tables, expected, atol=1e-12 if dtype == torch.float64 else 1e-5)


def test_adam_leaves_untouched_entries_alone_and_resumes() -> None:
    kernels = TrainingKernels(make_config({}), 1)
    tables = torch.nn.Parameter(torch.randn(3, 5, 4))
    before = tables.detach().clone()
    adam = HashTableAdam(kernels, tables)
    gradient = torch.zeros(3, 5, 4)
    gradient[1, 2, 3] = 1.0
    adam.step(0.1, gradient)
    changed = (tables != before).nonzero().tolist()
    assert changed == [[1, 2, 3]] and tables[1, 2, 3].item() == pytest.approx(before[1, 2, 3].item() - 0.1, abs=1e-6)
    copy = torch.nn.Parameter(tables.detach().clone())
    resumed = HashTableAdam(kernels, copy)
    resumed.load_state(adam.state())
    for optimizer in (adam, resumed):
        optimizer.step(0.1, torch.ones(3, 5, 4))
    assert torch.equal(tables, copy)


def test_gradients_of_grids_add_up_to_those_of_the_tables() -> None:
    case = make_case({"mlp_planes": PLANES})
    kernels = TrainingKernels(case.config, 1)
    adam = HashTableAdam(kernels, case.encoding.tables, epsilon=1e-8)
    expected = torch.nn.Parameter(case.encoding.tables.detach().clone())
    reference = HashTableAdam(kernels, expected, epsilon=1e-8)
    grids = kernels.bake(expected, TIME)
    weights = torch.randn(grids.shape, dtype=grids.dtype)
    reference.step(0.1, torch.autograd.grad((grids * weights).sum(), expected)[0])
    adam.accumulate(weights, TIME)
    adam.step(0.1)
    assert torch.equal(case.encoding.tables, expected)


def sampling(**changes: object) -> RaySamples:
    arguments: dict[str, object] = {
        "origins": torch.zeros(4, 3),
        "directions": torch.tensor([[0.0, 0.0, 1.0]]).expand(4, 3),
        "box": torch.tensor([[-1.0, -1.0, 1.0], [1.0, 1.0, 2.0]]),
        "cells": torch.ones(3, 3, 3, dtype=torch.bool),
        "step": 0.1,
    }
    return TrainingKernels(make_config({}), 1).sample_rays(**{**arguments, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"cells": torch.ones(0, 0, 0, dtype=torch.bool)},
        {"cells": torch.ones(3, 3, dtype=torch.bool)},
        {"box": torch.ones(2, 3)},
        {"box": torch.full((2, 3), torch.nan)},
        {"step": 0.0},
        {"step": -1.0},
        {"step": float("nan")},
    ],
)
def test_regions_without_cells_or_extent_are_refused(changes: dict[str, object]) -> None:
    assert len(sampling().points) == 40
    with pytest.raises(ValueError, match="cannot sample cells"):
        sampling(**changes)


def test_native_code_checks_what_it_indexes_by() -> None:
    engine, float64 = TrainingKernels(make_config({}), 1).engine, torch.float64
    rays, distances, points = torch.zeros(2, 3), torch.zeros(2, 5), torch.zeros(3, 3)
    box, cells = torch.tensor([[0.0] * 3, [1.0] * 3]), torch.ones(2, 2, 2, dtype=torch.uint8)
    empty = torch.ones(0, 0, 0, dtype=torch.uint8)
    offsets = torch.tensor([0, 2, 3])
    with pytest.raises(ValueError, match="cells"):
        engine.sample_rays(rays, rays, box, empty, 0.1, False, 0, distances, offsets)
    with pytest.raises(ValueError, match="step"):
        engine.sample_rays(rays, rays, box, cells, -0.1, False, 0, distances, offsets)
    for wrong in ([0, 3, 2], [1, 2, 3], [0, 2, 9], [0, -1, 3]):
        with pytest.raises(ValueError, match="offsets"):
            engine.place_points(rays, rays, box, cells, distances, torch.tensor(wrong), points)
        with pytest.raises(ValueError, match="offsets"):
            engine.depth_penalty_float32(torch.tensor(wrong), torch.zeros(3), torch.zeros(2, dtype=torch.int64), 0.1, 1.0)
    with pytest.raises(ValueError, match="sample has an index"):
        engine.sum_colors_float32(torch.tensor([3]), torch.tensor([0, 1]), torch.zeros(3), torch.zeros(1, 3), torch.zeros(1, 5))
    with pytest.raises(ValueError, match="time"):
        engine.bake_float64(torch.zeros(1, dtype=float64), 1.0, torch.zeros(1, dtype=float64))
