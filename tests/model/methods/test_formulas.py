"""Formulas of the methods against values computed by hand, and gradients against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch.autograd import gradcheck

from model.camera import Camera
from model.config import ModelConfig, OccupancyConfig, RenderConfig
from model.methods.config import DNeRFConfig, RadianceMLPConfig
from model.methods.create import create_method
from model.methods.d_nerf import Deformation, DNeRF
from model.methods.method import MethodFrame
from model.methods.neural_volumes import VolumeQueries, WarpField, rotation_matrices
from model.methods.radiance_mlp import RadianceMLP, positional_encoding
from model.methods.volume import VolumeDecoder, read_volume
from renderer.backend import RenderSettings
from renderer.reference.renderer import render_image, render_rays
from tests.model.methods.small import SMALL, small_model


def close(value: torch.Tensor, expected: object) -> bool:
    return torch.allclose(value, torch.tensor(expected, dtype=value.dtype), atol=1e-6)


def test_encoding_of_a_quarter() -> None:
    # x = 1/4: sin and cos of pi/4, then of pi/2.
    half = math.sqrt(0.5)
    assert close(positional_encoding(torch.tensor([[0.25]]), 2), [[0.25, half, half, 1.0, 0.0]])
    # Two channels: the values first, then per frequency all sines and all cosines.
    assert close(positional_encoding(torch.tensor([[0.5, 0.0]]), 1), [[0.5, 0.0, 1.0, 0.0, 0.0, 1.0]])


def test_rotation_by_a_quarter_turn() -> None:
    # 90 degrees about z takes x to y, whatever the length of the quaternion.
    matrix = rotation_matrices(3 * torch.tensor([[math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]]))[0]
    assert close(matrix @ torch.tensor([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0])


def test_warp_mixes_two_affine_maps() -> None:
    # A_1 is the identity. A_2 turns (2, 1, 1) * (x - (0.5, 0, 0)) by 90 degrees about z.
    quarter = [math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]
    rotations = rotation_matrices(torch.tensor([[1.0, 0.0, 0.0, 0.0], quarter]))
    weights = torch.stack([torch.full((2, 2, 2), 1.0), torch.full((2, 2, 2), 3.0)])
    warp = WarpField(
        rotations, torch.tensor([[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]]), torch.tensor([[0.0] * 3, [0.5, 0.0, 0.0]]), weights
    )
    # x = (0.25, 0.5, -0.5): A_1 x = x, A_2 x = rotated (-0.5, 0.5, -0.5) = (-0.5, -0.5, -0.5); (x + 3 A_2 x) / 4.
    assert close(warp(torch.tensor([[0.25, 0.5, -0.5]])), [[-0.3125, -0.25, -0.5]])


def test_weights_of_a_warp_are_read_where_it_leads() -> None:
    # The second warp moves by (1, 0, 0). Its weight is 1 + 2 x there, (1 + 2 * 0.5) = 2 at x = 0.5 and 1 at x = 0.
    weights = torch.ones(2, 2, 2, 2)
    weights[1, :, :, 0], weights[1, :, :, 1] = 0.0, 2.0  # x = -1 and x = 1: 1 + x
    identity = torch.eye(3).expand(2, 3, 3)
    warp = WarpField(identity, torch.ones(2, 3), torch.tensor([[0.0] * 3, [-1.0, 0.0, 0.0]]), weights)
    # x = -0.5: A_2 x = 0.5 with weight 1.5; (1 * -0.5 + 1.5 * 0.5) / 2.5 = 0.1.
    assert close(warp(torch.tensor([[-0.5, 0.0, 0.0]])), [[0.1, 0.0, 0.0]])


def test_volume_between_its_voxels() -> None:
    volume = torch.zeros(1, 2, 2, 2)
    volume[0, 0, 0, 1] = 8.0  # z = -1, y = -1, x = 1
    assert close(
        read_volume(volume, torch.tensor([[1.0, -1.0, -1.0], [0.0, -1.0, -1.0], [0.5, 0.0, -1.0]])), [[8.0], [4.0], [3.0]]
    )


def test_rendering_of_rgb_alpha() -> None:
    # A volume of one color and density 2/m; a ray crosses the box of 1 m: opacity 1 - exp(-2), color times that.
    volume = torch.tensor([0.2, 0.6, 1.0, 2.0]).view(4, 1, 1, 1).expand(4, 2, 2, 2)
    config = ModelConfig(render=RenderConfig(steps_per_diagonal=173, weight_threshold=0.0), method=SMALL["neural_volumes"])
    box = torch.tensor([[0.0] * 3, [1.0] * 3])
    frame = MethodFrame(config, 0.0, box, torch.ones(1, 1, 1, dtype=torch.bool), VolumeQueries(volume, None))
    seen = render_rays(frame, torch.tensor([0.5, 0.5, -1.0]), torch.tensor([[0.0, 0.0, 1.0]]))
    opacity = 1 - math.exp(-2)
    assert torch.allclose(seen.rgba, opacity * torch.tensor([[0.2, 0.6, 1.0, 1.0]]), atol=2e-3)
    # Half as much density in front of full color: the same composite as two slabs, exp(-1) of the light passes the first.
    halves = volume.clone()
    halves[:3, 0] = 0.0  # z = -1 is black and blends into the color at z = 1
    seen = render_rays(
        MethodFrame(config, 0.0, box, torch.ones(1, 1, 1, dtype=torch.bool), VolumeQueries(halves, None)),
        torch.tensor([0.5, 0.5, -1.0]),
        torch.tensor([[0.0, 0.0, 1.0]]),
    )
    # integral over z from 0 to 1 of 2 exp(-2 z) z dz = (1 - 3 exp(-2)) / 2
    assert seen.rgba[0, 2].item() == pytest.approx((1 - 3 * math.exp(-2)) / 2, abs=2e-3)


def test_deformation_moves_the_canonical_scene() -> None:
    config = DNeRFConfig(
        deformation_width=2,
        deformation_depth=1,
        time_octaves=0,
        mlp=RadianceMLPConfig(width=4, depth=1, skip=0, view_width=2, position_octaves=0, direction_octaves=0),
    )
    method = DNeRF(config)
    with torch.no_grad():  # one hidden unit is the time, and moves x by three times of it
        layer = method.deformation.trunk.layers[0]
        layer.get_parameter("weight").zero_()[0, 3] = 1.0
        layer.get_parameter("bias").zero_()
        method.deformation.offset.weight.zero_()[0, 0] = 3.0
        method.deformation.offset.bias.zero_()
    points = torch.tensor([[0.25, 0.5, 0.75]])
    moved = torch.tensor([[0.25 + 0.5 * 3 * 0.1, 0.5, 0.75]])  # the box has length 2 in the coordinates of the network
    empty = torch.zeros(0)
    assert torch.allclose(method.at(empty, 0.1).features(points), method.at(empty, 0.0).features(moved), atol=1e-6)
    assert torch.equal(method.deformation(points, torch.tensor(0.0)), torch.zeros(1, 3))


def test_density_and_color_of_a_network_of_one_unit() -> None:
    config = RadianceMLPConfig(
        width=1, depth=1, skip=0, view_width=1, position_octaves=0, direction_octaves=0, density_gain=10.0
    )
    mlp = RadianceMLP(1, config)
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.fill_(1.0)
        mlp.view.weight.copy_(torch.tensor([[1.0, 2.0, 0.0, 0.0]]))
    features = mlp.trunk(torch.tensor([[0.5]]))  # relu(0.5 + 1) = 1.5
    assert close(mlp.raw_density(features), [25.0])  # 10 (1.5 + 1)
    # bottleneck 2.5, view 2.5 + 2 * 1 + 1 = 5.5, output 6.5
    assert close(mlp.color(features, torch.tensor([[1.0, 0.0, 0.0]])), [[torch.sigmoid(torch.tensor(6.5)).item()] * 3])


def _double(function: Callable[..., torch.Tensor], *shapes: tuple[int, ...]) -> bool:
    generator = torch.Generator().manual_seed(3)
    inputs = [(0.7 * torch.rand(shape, generator=generator, dtype=torch.float64) - 0.4).requires_grad_() for shape in shapes]
    return bool(gradcheck(function, inputs))


def test_gradients_of_the_encoding() -> None:
    assert _double(lambda x: positional_encoding(x, 3), (4, 3))


def test_gradients_of_a_volume() -> None:
    assert _double(read_volume, (2, 3, 4, 5), (6, 3))
    decoder = VolumeDecoder(3, (4, 2), 2).double()
    assert _double(decoder, (3,))


def test_gradients_of_the_warp() -> None:
    def warp(quaternions: torch.Tensor, s: torch.Tensor, t: torch.Tensor, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return WarpField(rotation_matrices(1 + quaternions), torch.exp(s), t, torch.exp(w))(x)

    assert _double(warp, (2, 4), (2, 3), (2, 3), (2, 3, 3, 3), (5, 3))


def test_gradients_of_the_deformation() -> None:
    small = SMALL["d_nerf"]
    assert isinstance(small, DNeRFConfig)
    deformation = Deformation(small).double()
    assert _double(lambda x, t: deformation(x, t[0]), (4, 3), (1,))


@pytest.mark.parametrize("kind", SMALL)
def test_gradients_of_a_frame(kind: str) -> None:
    """Density and color of a few points, with respect to the latent and the points."""
    torch.manual_seed(5)
    model = small_model(SMALL[kind])
    method = create_method(model).double()
    directions = torch.nn.functional.normalize(torch.randn(3, 3, dtype=torch.float64), dim=1)

    def look(latent: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        queries = method.at(latent, 0.37)
        features = queries.features(points + 0.5)
        return torch.cat([queries.raw_density(points, features)[:, None], queries.color(points, features, directions)], dim=1)

    if model.latent_channels:
        assert _double(look, (model.latent_channels,), (3, 3))
    else:
        assert _double(lambda points: look(torch.zeros(0, dtype=torch.float64), points), (3, 3))


@pytest.mark.parametrize("kind", SMALL)
def test_all_parameters_learn(kind: str) -> None:
    """Every parameter has influence on a rendered image, and colors are in range."""
    torch.manual_seed(1)
    model = small_model(SMALL[kind])
    method = create_method(model)
    queries = method.at(torch.randn(model.latent_channels), 0.4)
    points, directions = torch.rand(50, 3), torch.nn.functional.normalize(torch.randn(50, 3), dim=1)
    features = queries.features(points)
    color = queries.color(points, features, directions)
    assert color.shape == (50, 3)
    assert bool(((color >= 0) & (color <= 1)).all())
    gradients = torch.autograd.grad((queries.raw_density(points, features) * color.sum(1)).sum(), list(method.parameters()))
    assert all(bool(gradient.abs().sum() > 0) for gradient in gradients)


def test_skipped_cells_are_not_evaluated() -> None:
    config = ModelConfig(occupancy=OccupancyConfig(resolution=(2, 1, 1)), method=SMALL["neural_volumes"])
    volume = torch.tensor([0.5, 0.5, 0.5, 100.0]).view(4, 1, 1, 1).expand(4, 2, 2, 2)
    cells = torch.tensor([True, False]).view(2, 1, 1)
    frame = MethodFrame(config, 0.0, torch.tensor([[0.0] * 3, [1.0] * 3]), cells, VolumeQueries(volume, None))
    K = [[16.0, 0.0, 8.0], [0.0, 16.0, 8.0], [0.0, 0.0, 1.0]]
    camera = Camera.from_dict(
        {"width": 16, "height": 16, "K": K, "R": [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], "T": [-0.5, -0.5, 1.5]}, "camera"
    )
    image = render_image(frame, camera, RenderSettings(steps_per_diagonal=32))
    assert image.rgba[8, 6, 3] > 0.9
    assert image.rgba[8, 10, 3] == 0
