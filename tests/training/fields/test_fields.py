"""The fields of a training step against the definitions in `model.query` and `training.fields.reference`, and each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from model.config import ModelConfig
from model.query import query_color, query_density, query_features
from tests.factories import make_config
from training.config import LossConfig, RayConfig, TrainingConfig
from training.fields.create import create_field
from training.fields.field import RadianceField
from training.fields.native_field import NativeField, native_available
from training.fields.reference import MarchSettings, RaySamples
from training.fields.reference import render_samples as define_samples
from training.fields.samples import RayBatch, Samples, SamplingRegion
from training.fields.torch_field import TorchField, make_frame, render_samples
from training.fields.torch_query import QueryOptions, density, query
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


def make_rays(count: int = 60) -> RayBatch:
    origins = torch.nn.functional.normalize(torch.randn(count, 3), dim=1) * 3
    directions = torch.nn.functional.normalize(torch.rand(count, 3) - 0.5 - origins, dim=1)
    view_directions = torch.nn.functional.normalize(torch.randn(count, 3), dim=1)
    return RayBatch(origins, directions, view_directions, torch.rand(count, 3), torch.rand(count))


@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
@pytest.mark.parametrize("planes", [("xy", "xz", "yz"), ("xz",)])
def test_the_query_is_the_models(assignment: str, planes: tuple[str, ...]) -> None:
    config = make_training(assignment=assignment, mlp_planes=planes)
    network = make_network(config)
    frame = make_frame(config.model, maps_of(network), network.hash_encoding.bake(0.3), BOX)
    points = torch.rand(300, 3)
    directions = torch.nn.functional.normalize(torch.randn(300, 3), dim=1)
    features = query_features(frame, points)
    sigma, kept, color = query(frame, points, directions, lambda s: (s > 2).nonzero()[:, 0])
    expected = query_density(frame, points, features)
    torch.testing.assert_close(sigma, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(density(frame, points), expected.detach(), rtol=1e-4, atol=1e-4)
    assert 10 < len(kept) < 290
    torch.testing.assert_close(color, query_color(frame, points[kept], features[kept], directions[kept]), rtol=1e-4, atol=1e-5)


def samples_of(rays: RayBatch, step: float, slots_per_ray: int = 40) -> tuple[Samples, RaySamples]:
    """The same random samples in both forms."""
    kept = torch.rand(len(rays.colors), slots_per_ray) < 0.6
    slots = kept.flatten().nonzero()[:, 0]
    points = torch.rand(len(slots), 3)
    offsets = torch.nn.functional.pad(kept.sum(1).cumsum(0), (1, 0))
    return Samples(slots, points, torch.full((len(slots),), step), slots_per_ray), RaySamples(points, offsets)


@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_rendering_and_its_gradients_are_those_defined(leak: float) -> None:
    config = make_training(leak=leak)
    network, rays, step = make_network(config, 8.0), make_rays(), 0.05
    ours, theirs = samples_of(rays, step)
    frame = make_frame(config.model, maps_of(network), network.hash_encoding.bake(0.3), BOX)
    seen = render_samples(frame, rays, ours, QueryOptions(leak), 0.5)
    defined = define_samples(frame, theirs, rays.view_directions, MarchSettings(step=step, leak=leak, penalty_limit=0.5))
    assert 0.1 < float(seen.opacity.mean()) < 1 and float(defined.penalty) > 0
    torch.testing.assert_close(seen.color, defined.color, rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(seen.moments, defined.moments, rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(seen.opacity, defined.opacity, rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(seen.penalty, defined.penalty, rtol=2e-2, atol=1e-6)
    parameters = list(network.parameters())
    for first, second in zip(gradients(seen, parameters), gradients(defined, parameters), strict=True):
        assert float((first - second).norm()) <= 0.02 * float(second.norm()) + 1e-7


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
    assert native_available(), "the native kernels are part of the development requirements"
    config = make_training(step=0.01)
    network, rays, region = make_network(config), make_rays(40), region_of()
    seen = [
        torch.stack(
            [
                torch.cat([r.color, r.opacity[:, None]], dim=1).detach()
                for seed in range(6)
                for r in [field.render(maps_of(network), network.hash_encoding, 0.3, rays, region, seed)]
            ]
        ).mean(0)
        for field in (TorchField(config), NativeField(config))
    ]
    assert float(seen[0].abs().mean()) > 0.1
    assert float((seen[0] - seen[1]).abs().mean()) < 0.01
    points = torch.rand(500, 3)
    densities = [
        f.density(maps_of(network), network.hash_encoding, 0.3, points) for f in (TorchField(config), NativeField(config))
    ]
    torch.testing.assert_close(densities[0], densities[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("native", [False, True])
def test_the_seed_decides_what_a_field_samples(native: bool) -> None:
    config = make_training(step=0.05)
    network, rays, region = make_network(config), make_rays(20), region_of()
    field = create_field(config, native)
    seen = [field.render(maps_of(network), network.hash_encoding, 0.3, rays, region, seed).color for seed in (1, 1, 2)]
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


def test_counts_shrink_from_sampled_to_colored() -> None:
    config = make_training(step=0.05)
    network, rays, region = make_network(config, 20.0), make_rays(), region_of()
    for native in (False, True):
        seen = create_field(config, native).render(maps_of(network), network.hash_encoding, 0.3, rays, region, 0)
        assert seen.samples >= seen.marched >= seen.colored > 0
        assert seen.samples > seen.colored


def test_random_heads_are_the_blend_on_average() -> None:
    config = make_training(assignment="bilinear")
    network = make_network(config)
    with torch.no_grad():  # small outputs, so that the sigmoid is nearly linear
        network.decoder.color_head.weight *= 0.1
        network.decoder.color_head.bias *= 0.5
    frame = make_frame(config.model, maps_of(network), network.hash_encoding.bake(0.0), BOX)
    points = torch.rand(20, 3)
    directions = torch.nn.functional.normalize(torch.randn(20, 3), dim=1)
    everything = lambda sigma: torch.arange(len(sigma))  # noqa: E731
    blended = query(frame, points, directions, everything)[2]
    generator = torch.Generator().manual_seed(0)
    drawn = [query(frame, points, directions, everything, QueryOptions(random_heads=generator))[2] for _ in range(100)]
    assert float((torch.stack(drawn).mean(0) - blended).abs().max()) < 0.07
    assert not torch.equal(drawn[0], drawn[1])


def test_no_rays_meet_anything() -> None:
    config = dataclasses.replace(make_training(), loss=LossConfig())
    network = make_network(config)
    along_x = torch.tensor([[1.0, 0, 0]] * 3)
    rays = RayBatch(torch.full((3, 3), 9.0), along_x, along_x, torch.zeros(3, 3), torch.zeros(3))
    for native in (False, True):
        seen = create_field(config, native).render(maps_of(network), network.hash_encoding, 0.0, rays, region_of(), 0)
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
        seen = of.render(maps_of(network), network.hash_encoding, 0.3, rays, region, 0, progress)
        return gradients(seen, parameters)[0]  # type: ignore[arg-type]

    assert torch.equal(gradient(field, 0.5), gradient(without, 0.0))
    assert not torch.equal(gradient(field, 0.1), gradient(without, 0.0))
