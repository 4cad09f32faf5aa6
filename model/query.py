"""Density and color of a frame at given points: the paper's formulas in plain, differentiable PyTorch.

This is the only evaluation in PyTorch. The reference renderer, training, export and the benchmarks all call it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS, PLANE_AXES, PLANES
from model.frame import Frame
from model.hash_encoding import cell_and_weight
from model.hash_levels import hash_levels
from model.view_encoding import encode_direction

HashFeatures = Callable[[torch.Tensor], torch.Tensor]
"""Points (P, 3) in [0, 1]^3 to their hash features, levels concatenated and planes summed: (P, L * F)."""

HeadAssignment = Callable[[torch.Tensor, int], list[tuple[torch.Tensor, torch.Tensor]]]
"""Coordinates (P, 2) in [0, 1] and the size N of a map of color heads to pairs (index, weight), each (P,).

The index is int64, cell along u * N + cell along v."""

HeadEvaluation = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Heads (heads, parameters), index (P,), features (P, 32) and encoded directions (P, V) to (P, 3) before the sigmoid."""


@dataclass(frozen=True)
class MapQueries:
    """A frame of the paper's own method as `model.methods.method.PointQueries`, the interface of all methods."""

    frame: Frame
    """The decoded frame."""
    hash_features: HashFeatures | None = None
    """Used instead of the frame's baked grids."""
    assign: HeadAssignment | None = None
    """Chooses the heads of each point; None means as the config says."""
    apply_heads: HeadEvaluation | None = None
    """Evaluates them; None means `apply_color_heads`."""

    def features(self, points: torch.Tensor) -> torch.Tensor:
        """Compute F(p), (P, 32); see `query_features`."""
        return query_features(self.frame, points, self.hash_features)

    def raw_density(self, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Compute the density before its ReLU, (P,); see the function `raw_density`."""
        return raw_density(self.frame, points, features)

    def color(self, points: torch.Tensor, features: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """Compute the color, (P, 3); see `query_color`."""
        return query_color(self.frame, points, features, directions, self.assign, self.apply_heads)


def plane_coordinates(points: torch.Tensor, planes: tuple[str, ...] = PLANES) -> torch.Tensor:
    """Project points (P, 3) in [0, 1]^3 onto planes: their (u, v), (planes, P, 2)."""
    return torch.stack([points[:, PLANE_AXES[plane]] for plane in planes])


def sample_maps(maps: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Read maps bilinearly and sum over the planes. The centers of border pixels lie at 0 and 1.

    Args:
        maps: (planes, C, H along v, W along u).
        uv: (planes, P, 2), [0, 1].

    Returns:
        (C, P).
    """
    sampled = functional.grid_sample(maps, 2 * uv[:, None] - 1, mode="bilinear", padding_mode="border", align_corners=True)
    return sampled[:, :, 0].sum(0)


def sample_grid(grid: torch.Tensor, uv: torch.Tensor, scale: float) -> torch.Tensor:
    """Read one baked level of the hash encoding with smoothstep weights and sum over the planes.

    Args:
        grid: (planes, F, N, N).
        uv: (planes, P, 2), [0, 1].
        scale: position in nodes per unit of u and v, at most N - 1.

    Returns:
        (F, P).
    """
    nodes = grid.shape[-1]
    corner, weight = cell_and_weight(uv * scale, nodes)
    # A bilinear read at corner + smoothstep(fraction) is the smoothstep read at corner + fraction.
    return sample_maps(grid, (corner + weight) / (nodes - 1))


def query_features(frame: Frame, points: torch.Tensor, hash_features: HashFeatures | None = None) -> torch.Tensor:
    """Compute F(p): hash features plus feature planes, summed over the three planes (paper, equation 1).

    Args:
        frame: the decoded frame.
        points: (P, 3), [0, 1]^3.
        hash_features: used instead of the frame's baked grids.

    Returns:
        (P, 32).
    """
    uv = plane_coordinates(points)
    if hash_features is None:
        levels = zip(frame.grids, hash_levels(frame.config.hash), strict=True)
        hashed = torch.cat([sample_grid(grid, uv, level.scale) for grid, level in levels])
    else:
        hashed = hash_features(points).t()
    padded = functional.pad(hashed, (0, 0, 0, FEATURE_CHANNELS - len(hashed)))
    return (sample_maps(frame.feature_planes, uv) + padded).t().contiguous()


def raw_density(frame: Frame, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Compute F(p) . density head at p, before the ReLU; the head is interpolated. Returns (P,), 1/m."""
    heads = sample_maps(frame.density_maps, plane_coordinates(points, frame.config.mlp_planes))
    return (features * heads.t()).sum(1)


def query_density(frame: Frame, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Compute the density sigma(p) >= 0 of points (P, 3) with features (P, 32): (P,), 1/m."""
    return torch.relu(raw_density(frame, points, features))


def query_color(
    frame: Frame,
    points: torch.Tensor,
    features: torch.Tensor,
    directions: torch.Tensor,
    assign: HeadAssignment | None = None,
    apply_heads: HeadEvaluation | None = None,
) -> torch.Tensor:
    """Compute the color of points: the outputs of the heads on each MLP plane, summed, through a sigmoid.

    Args:
        frame: the decoded frame.
        points: (P, 3), [0, 1]^3.
        features: (P, 32), F of the points.
        directions: (P, 3), unit view directions in world axes.
        assign: chooses the heads of each point; None means as the config says.
        apply_heads: evaluates them; None means `apply_color_heads`.

    Returns:
        (P, 3) in (0, 1), display-referred.
    """
    view = encode_direction(directions, frame.config.view_encoding)
    uv = plane_coordinates(points, frame.config.mlp_planes)
    assign = assign or (assign_nearest if frame.config.assignment == "nearest" else assign_bilinear)
    apply_heads = apply_heads or apply_color_heads
    total = features.new_zeros(len(points), 3)
    for heads, coordinates in zip(frame.color_maps, uv, strict=True):
        for index, weight in assign(coordinates, heads.shape[0]):
            total = total + weight[:, None] * apply_heads(heads.flatten(0, 1), index, features, view)
    return torch.sigmoid(total)


def assign_nearest(uv: torch.Tensor, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Choose the head of the cell that each point falls in, with weight 1 (paper, section 3.1); see `HeadAssignment`."""
    cells = (uv.detach() * size).long().clamp(0, size - 1)
    return [(cells[:, 0] * size + cells[:, 1], torch.ones_like(uv[:, 0]))]


def assign_bilinear(uv: torch.Tensor, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Choose the four nearest heads of each point, with bilinear weights. Heads lie on nodes 1 / (N - 1) apart."""
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
    """Evaluate the color head of each sample: h0 = F W0, h1 = relu([h0, view] W1), output h1 W2.

    Samples are sorted by head, so that those with the same head go through it in one matrix product.

    Args:
        heads: (heads, parameters): W0, W1 and W2, each row-major.
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
    """Evaluate one color head: parameters (parameters,), features (P, 32), encoded directions (P, V) to (P, 3)."""
    inner = HIDDEN_CHANNELS + view.shape[1]
    sizes = [FEATURE_CHANNELS * HIDDEN_CHANNELS, inner * HIDDEN_CHANNELS, HIDDEN_CHANNELS * 3]
    W0, W1, W2 = (
        part.view(-1, width) for part, width in zip(head.split(sizes), (HIDDEN_CHANNELS, HIDDEN_CHANNELS, 3), strict=True)
    )
    return torch.relu(torch.cat([features @ W0, view], dim=1) @ W1) @ W2
