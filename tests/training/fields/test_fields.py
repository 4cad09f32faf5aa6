"""The radiance fields against the formulas in `model.query`, a rendering sample by sample, and each other."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import sys
from types import ModuleType
from typing import Any

import pytest
import torch

from model.config import ModelConfig
from model.query import apply_color_heads, query_color, query_features
from renderer.reference.compositing import pad_rays, volume_weights
from tests.factories import make_config
from tests.training.fields.plain_rendering import render_plainly
from training.config import LossConfig, RayConfig, TrainingConfig
from training.fields.batched_heads import apply_heads_in_blocks
from training.fields.create import create_field, note_slow_field
from training.fields.field import MarchSettings, RadianceField, TrainingFrame
from training.fields.native_field import NativeField
from training.fields.native_kernels import available
from training.fields.samples import RayBatch, RaySamples, SamplingRegion
from training.fields.torch_field import TorchField, assign_stochastic, make_frame, render_samples
from training.loop.network import Network

BOX = torch.tensor([[-1.0, -1, -1], [1, 1, 1]])


def make_training(step: float = 0.05, leak: float = 0.0, **model: Any) -> TrainingConfig:
    config: ModelConfig = make_config(**model)
    return TrainingConfig(model=config, rays=RayConfig(step=step), latents="embedding", density_leak=leak)


def make_network(config: TrainingConfig, density: float = 4.0) -> Network:
    torch.manual_seed(torch.seed() % 2**31)
    network = Network(config, 4)
    with torch.no_grad():
        network.hash_encoding.tables.uniform_(-0.5, 0.5)
        network.decoder.density_head.weight *= density
        network.decoder.color_head.weight *= 3
    return network


def maps_of(network: Network, frame: int = 1) -> Any:
    assert network.embedding is not None
    return tuple(m[0] for m in network.decoder(network.embedding[frame : frame + 1]))


def frame_of(network: Network, time: float = 0.3) -> TrainingFrame:
    return TrainingFrame(maps_of(network), network.hash_encoding, time)


def make_rays(count: int = 60) -> RayBatch:
    origins = torch.nn.functional.normalize(torch.randn(count, 3), dim=1) * 3
    directions = torch.nn.functional.normalize(torch.rand(count, 3) - 0.5 - origins, dim=1)
    view_directions = torch.nn.functional.normalize(torch.randn(count, 3), dim=1)
    return RayBatch(origins, directions, view_directions, torch.rand(count, 3), torch.rand(count))


@pytest.mark.parametrize(("heads", "samples"), [(1, 5), (6, 1), (192, 300), (40, 5000)])
def test_heads_in_blocks_equal_the_plain_heads(heads: int, samples: int) -> None:
    parameters = torch.randn(heads, 2624, dtype=torch.float64, requires_grad=True)
    features = torch.randn(samples, 32, dtype=torch.float64, requires_grad=True)
    inputs = (parameters, torch.randint(heads, (samples,)), features, torch.randn(samples, 15, dtype=torch.float64))
    outputs = [apply(*inputs) for apply in (apply_color_heads, apply_heads_in_blocks)]
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-10)
    weights = torch.randn(samples, 3, dtype=torch.float64)
    found = [torch.autograd.grad((output * weights).sum(), (parameters, features)) for output in outputs]
    for first, second in zip(*found, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-9)
    assert apply_heads_in_blocks(parameters, *(x[:0] for x in inputs[1:])).shape == (0, 3)


def samples_of(rays: RayBatch, step: float, most: int = 40) -> RaySamples:
    """Random samples, up to a number per ray."""
    counts = (torch.rand(len(rays.colors), most) < 0.6).sum(1)
    points = torch.rand(int(counts.sum()), 3, dtype=torch.float64)
    return RaySamples(points, torch.nn.functional.pad(counts.cumsum(0), (1, 0)), step)


@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_rendering_and_its_gradients_equal_the_plain_rendering(leak: float, assignment: str) -> None:
    config = make_training(leak=leak, assignment=assignment)
    network, rays = make_network(config, 8.0).double(), make_rays()
    samples, directions = samples_of(rays, 0.05), rays.view_directions.double()
    frame = make_frame(config.model, maps_of(network), network.hash_encoding.bake(0.3), BOX)
    settings = MarchSettings(leak=leak, penalty_limit=0.5, min_transmittance=0.01)
    seen, plain = (render(frame, samples, directions, settings) for render in (render_samples, render_plainly))
    assert 0.1 < seen.opacity.mean().item() < 1 and plain.penalty.item() > 0
    assert seen.samples == plain.samples > seen.marched == plain.marched > seen.colored == plain.colored
    for name in ("color", "moments", "opacity", "penalty"):
        torch.testing.assert_close(getattr(seen, name), getattr(plain, name), rtol=1e-9, atol=1e-11)
    parameters = list(network.parameters())
    for first, second in zip(gradients(seen, parameters), gradients(plain, parameters), strict=True):
        assert float((first - second).norm()) <= 1e-8 * float(second.norm()) + 1e-12


def test_weights_of_faint_and_hidden_samples_are_precise() -> None:
    depth = torch.tensor([[1e-9, 2e-9, 30.0, 1e-9, 5.0]], dtype=torch.float32)
    padded, index = pad_rays(depth[0], torch.zeros(5, dtype=torch.int64), 1)
    assert index.tolist() == [0, 1, 2, 3, 4] and torch.equal(padded, depth)
    behind = math.exp(-30)
    expected = [1e-9, 2e-9, 1.0, 1e-9 * behind, behind]
    assert volume_weights(depth)[0].tolist() == pytest.approx(expected, rel=1e-2)
    assert volume_weights(depth)[0, :2].tolist() == pytest.approx(expected[:2], rel=1e-6)


def gradients(seen: Any, parameters: list[torch.nn.Parameter]) -> list[torch.Tensor]:
    torch.manual_seed(0)
    of_colors = torch.cat([seen.color, seen.moments], dim=1)
    loss = (of_colors * torch.randn_like(of_colors)).sum() + seen.opacity.square().sum() + seen.penalty
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


def region_of() -> SamplingRegion:
    hull = torch.rand(8, 8, 8) < 0.7
    return SamplingRegion(BOX, BOX, hull)


def test_native_and_torch_agree_on_average() -> None:
    assert available(), "the native kernels are part of the development requirements"
    config = make_training(step=0.01)
    network, rays, region = make_network(config), make_rays(40), region_of()
    seen = [
        torch.stack(
            [
                torch.cat([r.color, r.opacity[:, None]], dim=1).detach()
                for seed in range(6)
                for r in [field.render(frame_of(network), rays, region, seed)]
            ]
        ).mean(0)
        for field in (TorchField(config), NativeField(config))
    ]
    assert float(seen[0].abs().mean()) > 0.1
    assert float((seen[0] - seen[1]).abs().mean()) < 0.01
    points = torch.rand(500, 3)
    densities = [f.density(frame_of(network))(points) for f in (TorchField(config), NativeField(config))]
    torch.testing.assert_close(densities[0], densities[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("native", [False, True])
def test_the_seed_decides_what_a_field_samples(native: bool) -> None:
    config = make_training(step=0.05)
    network, rays, region = make_network(config), make_rays(20), region_of()
    field = create_field(config, native)
    seen = [field.render(frame_of(network), rays, region, seed).color for seed in (1, 1, 2)]
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


def test_counts_shrink_from_sampled_to_colored() -> None:
    config = make_training(step=0.05)
    network, rays, region = make_network(config, 20.0), make_rays(), region_of()
    for native in (False, True):
        seen = create_field(config, native).render(frame_of(network), rays, region, 0)
        assert seen.samples >= seen.marched >= seen.colored > 0
        assert seen.samples > seen.colored


def test_random_heads_equal_the_blend_on_average() -> None:
    config = make_training(assignment="bilinear")
    network = make_network(config)
    with torch.no_grad():  # small outputs, so that the sigmoid is nearly linear
        network.decoder.color_head.weight *= 0.1
        network.decoder.color_head.bias *= 0.5
    frame = make_frame(config.model, maps_of(network), network.hash_encoding.bake(0.0), BOX)
    points = torch.rand(20, 3)
    directions = torch.nn.functional.normalize(torch.randn(20, 3), dim=1)
    features = query_features(frame, points)
    blended = query_color(frame, points, features, directions)
    assign = functools.partial(assign_stochastic, generator=torch.Generator().manual_seed(0))
    drawn = [query_color(frame, points, features, directions, assign) for _ in range(100)]
    assert (torch.stack(drawn).mean(0) - blended).abs().max().item() < 0.07
    assert not torch.equal(drawn[0], drawn[1])


def test_rays_that_miss_have_no_samples() -> None:
    config = dataclasses.replace(make_training(), loss=LossConfig())
    network = make_network(config)
    along_x = torch.tensor([[1.0, 0, 0]] * 3)
    rays = RayBatch(torch.full((3, 3), 9.0), along_x, along_x, torch.zeros(3, 3), torch.zeros(3))
    for native in (False, True):
        seen = create_field(config, native).render(frame_of(network, 0.0), rays, region_of(), 0)
        assert not seen.color.any() and not seen.opacity.any() and seen.samples == 0


@pytest.mark.parametrize("native", [False, True])
def test_the_leak_ends_with_its_share_of_the_training(native: bool) -> None:
    config = dataclasses.replace(make_training(leak=0.5), density_leak_until=0.25)
    assert [config.leak_at(p) for p in (0.0, 0.24, 0.25, 1.0)] == [0.5, 0.5, 0.0, 0.0]
    assert make_training(leak=0.5).leak_at(1.0) == 0.5
    network, rays, region = make_network(config), make_rays(), region_of()
    field, without = create_field(config, native), create_field(make_training(), native)
    parameters = [network.decoder.density_head.weight]

    def gradient(of: RadianceField, progress: float) -> torch.Tensor:
        seen = of.render(frame_of(network), rays, region, 0, progress)
        return gradients(seen, parameters)[0]  # type: ignore[arg-type]

    assert torch.equal(gradient(field, 0.5), gradient(without, 0.0))
    assert not torch.equal(gradient(field, 0.1), gradient(without, 0.0))


def test_training_says_when_the_native_kernels_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_training(step=0.05)
    note_slow_field(config)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "mlpvid_training_kernels", ModuleType("older"))
    assert create_field(config).name == "torch"
    with pytest.raises(ImportError, match="are of version 0"):
        create_field(config, native=True)
    note_slow_field(config)
    note = "note: the native kernels are of version 0, .*, so training in PyTorch takes many times as long; `pip install .*\n"
    assert re.fullmatch(note, capsys.readouterr().err)
    note_slow_field(make_training(step=0.0))
    note_slow_field(config, torch.device("cuda"))
    assert capsys.readouterr().err == "", "neither would use the kernels"
