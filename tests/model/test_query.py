"""Plane orientation, head assignment and the color heads, by hand and by properties."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from model.config import ModelConfig
from model.frame import Frame
from model.query import (
    apply_color_heads,
    assign_bilinear,
    assign_nearest,
    color_head,
    plane_coordinates,
    query_color,
    query_density,
    query_features,
    sample_maps,
)
from tests.factories import make_config, make_video


def random_frame(**overrides: object) -> Frame:
    return make_video(config=make_config(**overrides)).decode(1.25)


def test_plane_coordinates_by_hand() -> None:
    uv = plane_coordinates(torch.tensor([[0.1, 0.2, 0.3]]))
    assert torch.allclose(uv[:, 0], torch.tensor([[0.1, 0.2], [0.1, 0.3], [0.2, 0.3]]))


def test_u_runs_along_the_width_of_maps() -> None:
    maps = torch.zeros(1, 1, 3, 5)
    maps[0, 0, 1, 3] = 1.0  # row 1 of 3 is v = 0.5, column 3 of 5 is u = 0.75
    points = torch.tensor([[[0.75, 0.5], [0.5, 0.75], [0.875, 0.5], [0.75, 0.25]]])
    assert torch.allclose(sample_maps(maps, points)[0], torch.tensor([1.0, 0.0, 0.5, 0.5]))


def test_border_pixels_sit_on_zero_and_one() -> None:
    maps = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 4, 4).contiguous()
    sampled = sample_maps(maps, torch.tensor([[[0.0, 0.3], [1.0, 0.9]]]))
    assert sampled[0].tolist() == [0.0, 3.0]


def test_nearest_head_at_cell_borders() -> None:
    uv = torch.tensor([[0.0, 0.0], [0.2499, 0.25], [0.25, 0.2499], [0.5, 0.75], [1.0, 1.0]])
    ((index, weight),) = assign_nearest(uv, 4)
    assert index.tolist() == [0, 1, 4, 2 * 4 + 3, 15]  # index = cell along u * 4 + cell along v
    assert weight.tolist() == [1.0] * 5


def test_bilinear_heads_sit_on_the_corners() -> None:
    uv = torch.tensor([[1 / 3, 2 / 3], [1.0, 0.0], [0.5, 0.0]])
    weights = torch.zeros(3, 16)
    for index, weight in assign_bilinear(uv, 4):
        weights[torch.arange(3), index] += weight
    expected = torch.zeros(3, 16)
    expected[0, 1 * 4 + 2] = 1
    expected[1, 3 * 4 + 0] = 1
    expected[2, 1 * 4] = expected[2, 2 * 4] = 0.5
    assert torch.allclose(weights, expected, atol=1e-6)


def test_color_head_by_hand() -> None:
    head = torch.zeros(32 * 32 + 41 * 32 + 96)
    head[: 32 * 32].view(32, 32)[5, 7] = 2.0  # h0[7] = 2 F[5]
    w1 = head[32 * 32 : 32 * 32 + 41 * 32].view(41, 32)
    w1[7, 3] = 1.5  # h1[3] = relu(1.5 h0[7] + 4 view[2])
    w1[32 + 2, 3] = 4.0
    w1[7, 4] = -1.0  # cut off by the rectifier
    w2 = head[-96:].view(32, 3)
    w2[3] = torch.tensor([1.0, 10.0, 100.0])
    w2[4] = 1000.0
    features, view = torch.zeros(1, 32), torch.zeros(1, 9)
    features[0, 5], view[0, 2] = 3.0, 0.25
    assert color_head(head, features, view)[0].tolist() == [10.0, 100.0, 1000.0]


def test_samples_get_their_own_heads_in_any_order() -> None:
    heads = torch.randn(6, 32 * 32 + 41 * 32 + 96)
    index = torch.tensor([5, 0, 5, 2, 0])
    features, view = torch.randn(5, 32), torch.randn(5, 9)
    together = apply_color_heads(heads, index, features, view)
    one_by_one = torch.cat([color_head(heads[index[i]], features[i : i + 1], view[i : i + 1]) for i in range(5)])
    assert torch.allclose(together, one_by_one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("view_encoding", ["frequency", "spherical_harmonics"])
@pytest.mark.parametrize("planes", [("xy", "xz", "yz"), ("xz",), ("xy", "xy", "xy")])
def test_assignments_agree_on_constant_maps(view_encoding: str, planes: tuple[str, ...]) -> None:
    frame = random_frame(view_encoding=view_encoding, mlp_planes=planes)
    frame.color_maps = frame.color_maps[:, :1, :1].expand_as(frame.color_maps).contiguous()
    points, directions = torch.rand(50, 3), torch.nn.functional.normalize(torch.randn(50, 3), dim=1)
    features = query_features(frame, points)
    colors = []
    for assignment in ("nearest", "bilinear"):
        frame.config = dataclasses.replace(frame.config, assignment=assignment)
        colors.append(query_color(frame, points, features, directions))
    assert torch.allclose(colors[0], colors[1], atol=1e-5)
    assert colors[0].std() > 0.01


def permute_axes(frame: Frame) -> Frame:
    """Return the frame with x and y exchanged: planes xz and yz swap, xy is transposed."""
    order = [0, 2, 1]

    def exchange(maps: torch.Tensor, first: int, second: int) -> torch.Tensor:
        maps = maps[order].clone()
        maps[0] = maps[0].transpose(first - 1, second - 1).clone()
        return maps

    return dataclasses.replace(
        frame,
        grids=[exchange(grid, 2, 3) for grid in frame.grids],
        feature_planes=exchange(frame.feature_planes, 2, 3),
        density_maps=exchange(frame.density_maps, 2, 3),
        color_maps=exchange(frame.color_maps, 1, 2),
    )


@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
def test_permuting_planes_with_their_axes_permutes_nothing_else(assignment: str) -> None:
    frame = random_frame(assignment=assignment)
    other = permute_axes(frame)
    points, directions = torch.rand(64, 3), torch.nn.functional.normalize(torch.randn(64, 3), dim=1)
    swapped = points[:, [1, 0, 2]]
    features, other_features = query_features(frame, points), query_features(other, swapped)
    assert torch.allclose(features, other_features, atol=1e-5)
    assert torch.allclose(query_density(frame, points, features), query_density(other, swapped, features), rtol=1e-4, atol=1e-3)
    colors = (query_color(frame, points, features, directions), query_color(other, swapped, features, directions))
    assert torch.allclose(*colors, atol=1e-5)


def test_fewer_hash_channels_than_features_leave_the_rest_to_the_planes() -> None:
    hashes = dataclasses.replace(make_config().hash, num_levels=3)
    frame = random_frame(hash=hashes)
    points = torch.rand(20, 3)
    planes_only = sample_maps(frame.feature_planes, plane_coordinates(points)).t()
    features = query_features(frame, points)
    assert torch.allclose(features[:, 6:], planes_only[:, 6:])
    assert not torch.allclose(features[:, :6], planes_only[:, :6])


@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
def test_gradients_of_the_whole_query(assignment: str) -> None:
    frame = random_frame(assignment=assignment, color_map_resolution=4, feature_plane_resolution=4, density_map_resolution=4)
    maps = [m.double()[..., :4, :4].contiguous().requires_grad_() for m in (frame.feature_planes, frame.density_maps)]
    colors = frame.color_maps.double().requires_grad_()
    config: ModelConfig = dataclasses.replace(frame.config, hash=dataclasses.replace(frame.config.hash, num_levels=2))
    grids = [torch.rand(3, 2, n, n, dtype=torch.float64).requires_grad_() for n in (4, 48)]
    points = torch.rand(3, 3, dtype=torch.float64)
    directions = torch.nn.functional.normalize(torch.randn(3, 3, dtype=torch.float64), dim=1)

    def query(
        feature_planes: torch.Tensor, density_maps: torch.Tensor, color_maps: torch.Tensor, *levels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        built = dataclasses.replace(
            frame,
            config=config,
            grids=list(levels),
            feature_planes=feature_planes,
            density_maps=density_maps,
            color_maps=color_maps,
        )
        features = query_features(built, points)
        return query_density(built, points, features), query_color(built, points, features, directions)

    assert torch.autograd.gradcheck(query, (*maps, colors, *grids), fast_mode=True)
