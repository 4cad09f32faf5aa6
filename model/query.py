"""Density and color of a frame at points: the formulas of the paper in plain, differentiable PyTorch."""

from __future__ import annotations

import torch
from torch.nn import functional

from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS, PLANE_AXES, PLANES
from model.frame import Frame
from model.hash_encoding import cell_and_weight, hash_levels
from model.view_encoding import encode_direction


def plane_coordinates(points: torch.Tensor, planes: tuple[str, ...] = PLANES) -> torch.Tensor:
    """(P, 3) points in [0, 1]^3 to their (u, v) on each plane, (planes, P, 2)."""
    return torch.stack([points[:, PLANE_AXES[plane]] for plane in planes])


def sample_maps(maps: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Read maps bilinearly, pixel centers of the border on 0 and 1.

    Args:
        maps: (planes, C, H along v, W along u).
        uv: (planes, P, 2), [0, 1].

    Returns:
        (planes, P, C).
    """
    sampled = functional.grid_sample(maps, 2 * uv[:, None] - 1, mode="bilinear", padding_mode="border", align_corners=True)
    return sampled[:, :, 0].transpose(1, 2)


def sample_grid(grid: torch.Tensor, uv: torch.Tensor, scale: float) -> torch.Tensor:
    """Read one baked level of the hash encoding with smoothstep weights.

    Args:
        grid: (planes, F, N, N).
        uv: (planes, P, 2), [0, 1].
        scale: nodes a unit of u and v, at most N - 1.

    Returns:
        (planes, P, F).
    """
    nodes = grid.shape[-1]
    corner, weight = cell_and_weight(uv * scale, nodes)
    # A bilinear read at corner + smoothstep(fraction) is the smoothstep read at corner + fraction.
    return sample_maps(grid, (corner + weight) / (nodes - 1))


def query_features(frame: Frame, points: torch.Tensor) -> torch.Tensor:
    """F(p): hash features plus feature planes, summed over the three planes (paper, equation 1).

    Args:
        frame: the decoded frame.
        points: (P, 3), [0, 1]^3.

    Returns:
        (P, 32).
    """
    uv = plane_coordinates(points)
    levels = zip(frame.grids, hash_levels(frame.config.hash), strict=True)
    hashed = torch.cat([sample_grid(grid, uv, level.scale).sum(0) for grid, level in levels], dim=1)
    padding = FEATURE_CHANNELS - hashed.shape[1]
    return sample_maps(frame.feature_planes, uv).sum(0) + functional.pad(hashed, (0, padding))


def query_density(frame: Frame, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """sigma(p) = relu(F(p) . density head at p), the head being interpolated; (P,), 1/m."""
    heads = sample_maps(frame.density_maps, plane_coordinates(points, frame.config.mlp_planes)).sum(0)
    return torch.relu((features * heads).sum(1))


def query_color(frame: Frame, points: torch.Tensor, features: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Color of points: the outputs of the heads on each MLP plane, summed, through a sigmoid.

    Args:
        frame: the decoded frame.
        points: (P, 3), [0, 1]^3.
        features: (P, 32), F of the points.
        directions: (P, 3), unit view directions in world axes.

    Returns:
        (P, 3) in (0, 1), display-referred.
    """
    view = encode_direction(directions, frame.config.view_encoding)
    uv = plane_coordinates(points, frame.config.mlp_planes)
    assign = assign_nearest if frame.config.assignment == "nearest" else assign_bilinear
    total = features.new_zeros(len(points), 3)
    for heads, coordinates in zip(frame.color_maps, uv, strict=True):
        for index, weight in assign(coordinates, heads.shape[0]):
            total = total + weight[:, None] * apply_color_heads(heads.flatten(0, 1), index, features, view)
    return torch.sigmoid(total)


def assign_nearest(uv: torch.Tensor, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The head of the cell that each point falls in (paper, section 3.1): [(index u * N + v, weight 1)]."""
    cells = (uv.detach() * size).long().clamp(0, size - 1)
    return [(cells[:, 0] * size + cells[:, 1], torch.ones_like(uv[:, 0]))]


def assign_bilinear(uv: torch.Tensor, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The four nearest heads of each point and their bilinear weights; heads sit on nodes 1 / (N - 1) apart."""
    if size == 1:
        return assign_nearest(uv, 1)
    position = uv * (size - 1)
    corner = position.detach().floor().clamp(0, size - 2)
    fraction, corner = position - corner, corner.long()
    assignments = []
    for du in (0, 1):
        for dv in (0, 1):
            weight_u, weight_v = (fraction[:, a] if d else 1 - fraction[:, a] for a, d in ((0, du), (1, dv)))
            assignments.append(((corner[:, 0] + du) * size + corner[:, 1] + dv, weight_u * weight_v))
    return assignments


def apply_color_heads(heads: torch.Tensor, index: torch.Tensor, features: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Evaluate each sample's own color head: h0 = F W0, h1 = relu([h0, view] W1), h1 W2.

    Samples are sorted so that those of one head go through it in one matrix product.

    Args:
        heads: (heads, parameters).
        index: (P,) int64, the head of each sample.
        features: (P, 32).
        view: (P, V), encoded directions.

    Returns:
        (P, 3) before the sigmoid.
    """
    order = torch.argsort(index, stable=True)
    counts = torch.bincount(index, minlength=len(heads)).tolist()
    groups = zip(features[order].split(counts), view[order].split(counts), heads, strict=True)
    outputs = [color_head(head, F, V) for F, V, head in groups if len(F)]
    result = torch.cat(outputs) if outputs else features.new_zeros(0, 3)
    return torch.zeros_like(result).index_copy(0, order, result)


def color_head(head: torch.Tensor, features: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """One color head on its samples: (parameters,), (P, 32), (P, V) to (P, 3)."""
    inner = HIDDEN_CHANNELS + view.shape[1]
    sizes = [FEATURE_CHANNELS * HIDDEN_CHANNELS, inner * HIDDEN_CHANNELS, HIDDEN_CHANNELS * 3]
    W0, W1, W2 = (
        part.view(-1, width) for part, width in zip(head.split(sizes), (HIDDEN_CHANNELS, HIDDEN_CHANNELS, 3), strict=True)
    )
    return torch.relu(torch.cat([features @ W0, view], dim=1) @ W1) @ W2
