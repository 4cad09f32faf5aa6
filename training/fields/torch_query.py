"""The field of a frame at points: the same formulas as `model.query`, made fast for training in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS
from model.frame import Frame
from model.hash_encoding import cell_and_weight, hash_levels
from model.query import assign_bilinear, assign_nearest, plane_coordinates
from model.view_encoding import encode_direction
from training.fields.reference import LeakyDensity, assign_stochastic

_BLOCK = 64  # samples of one head that go through a matrix product together

Select = Callable[[torch.Tensor], torch.Tensor]
"""(P,) densities without gradient to the ascending int64 indices of the points that need color."""


HashFeatures = Callable[[torch.Tensor], torch.Tensor]
"""(P, 3) points in [0, 1]^3 to their hash features, summed over the planes: (channels, P)."""


@dataclass(frozen=True)
class QueryOptions:
    """What differs from a plain evaluation while training."""

    leak: float = 0.0
    """Slope of sigma's gradient where the rectifier cuts it off."""
    random_heads: torch.Generator | None = None
    """With bilinear heads: draw one of the four by its weight with this generator, instead of blending them."""
    hashed: HashFeatures | None = None
    """The hash features of points instead of those in the frame's grids: (P, 3) to (channels, P)."""


@torch.no_grad()
def density(frame: Frame, points: torch.Tensor, options: QueryOptions = QueryOptions()) -> torch.Tensor:
    """sigma at points (P, 3) in [0, 1]^3: (P,), 1/m, without gradients."""
    return _rectify(_raw_density(frame, points, _features(frame, points, options)), 0.0)


def query(
    frame: Frame, points: torch.Tensor, directions: torch.Tensor, select: Select, options: QueryOptions = QueryOptions()
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Density at all points and color at those that `select` wants, differentiable in the maps of the frame.

    Args:
        frame: decoded and baked, its tensors part of an autograd graph.
        points: (P, 3) in [0, 1]^3.
        directions: (P, 3) unit view directions, world axes.
        select: called once, with the densities.
        options: gradient leak, random heads.

    Returns:
        sigma (P,), 1/m; kept (K,) int64, what `select` returned; color (K, 3) in (0, 1).
    """
    features = _features(frame, points, options)
    sigma = _rectify(_raw_density(frame, points, features), options.leak)
    kept = select(sigma.detach())
    color = _color(frame, points[kept], features[:, kept].t(), directions[kept], options)
    return sigma, kept, color


def _sample(maps: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Read (planes, C, H, W) maps bilinearly at (planes, P, 2) in [0, 1] and sum over the planes: (C, P)."""
    read = functional.grid_sample(maps, (2 * uv - 1)[:, None], mode="bilinear", padding_mode="border", align_corners=True)
    return read[:, :, 0].sum(0)


def _grid_features(frame: Frame, uv: torch.Tensor) -> torch.Tensor:
    parts = []
    for grid, level in zip(frame.grids, hash_levels(frame.config.hash), strict=True):
        corner, weight = cell_and_weight(uv * level.scale, level.resolution)
        parts.append(_sample(grid, (corner + weight) / (level.resolution - 1)))
    return torch.cat(parts)


def _features(frame: Frame, points: torch.Tensor, options: QueryOptions) -> torch.Tensor:
    """F(p), channels first: (32, P)."""
    uv = plane_coordinates(points)
    hashed = _grid_features(frame, uv) if options.hashed is None else options.hashed(points)
    if len(hashed) < FEATURE_CHANNELS:
        hashed = functional.pad(hashed, (0, 0, 0, FEATURE_CHANNELS - len(hashed)))
    return _sample(frame.feature_planes, uv) + hashed


def _raw_density(frame: Frame, points: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    heads = _sample(frame.density_maps, plane_coordinates(points, frame.config.mlp_planes))
    return (features * heads).sum(0)


def _rectify(raw: torch.Tensor, leak: float) -> torch.Tensor:
    return LeakyDensity.apply(raw, leak) if leak > 0 else torch.relu(raw)


def _color(
    frame: Frame, points: torch.Tensor, features: torch.Tensor, directions: torch.Tensor, options: QueryOptions
) -> torch.Tensor:
    """Color of points, (K, 32) features: every (plane, assigned head) pair of a point is one row for `_apply_heads`."""
    config = frame.config
    size = frame.color_maps.shape[1]
    heads = frame.color_maps.flatten(0, 2)
    index, weights = [], []
    for plane, uv in enumerate(plane_coordinates(points, config.mlp_planes)):
        for cell, weight in _assign(uv, size, config.assignment, options.random_heads):
            index.append(plane * size * size + cell)
            weights.append(weight)
    times = len(index)
    view = encode_direction(directions, config.view_encoding)
    outputs = _apply_heads(heads, torch.cat(index), features.repeat(times, 1), view.repeat(times, 1))
    weighted = outputs.view(times, -1, 3) * torch.stack(weights)[..., None]
    return torch.sigmoid(weighted.sum(0))


def _assign(
    uv: torch.Tensor, size: int, assignment: str, generator: torch.Generator | None
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    if assignment == "nearest" or size == 1:
        return assign_nearest(uv, size)
    if generator is None:
        return assign_bilinear(uv, size)
    return [assign_stochastic(uv, size, generator)]


def _apply_heads(heads: torch.Tensor, index: torch.Tensor, features: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Evaluate each row's own head: rows are sorted by head into padded blocks of one head each, for batched products."""
    order = torch.argsort(index, stable=True)
    counts = torch.bincount(index, minlength=len(heads))
    blocks = (counts + _BLOCK - 1) // _BLOCK
    first_row, first_block = torch.cumsum(counts, 0) - counts, torch.cumsum(blocks, 0) - blocks
    ranked = index[order]
    slot = first_block[ranked] * _BLOCK + torch.arange(len(order), device=index.device) - first_row[ranked]
    head_of_block = torch.repeat_interleave(torch.arange(len(heads), device=index.device), blocks)
    rows = torch.cat([features, view], dim=1)
    padded = rows.new_zeros(len(head_of_block) * _BLOCK, rows.shape[1]).index_copy(0, slot, rows[order])
    outputs = _head_products(padded.view(-1, _BLOCK, rows.shape[1]), heads.index_select(0, head_of_block))
    return rows.new_zeros(len(order), 3).index_copy(0, order, outputs.reshape(-1, 3)[slot])


def _head_products(x: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
    """(blocks, rows, 32 + V) through (blocks, parameters): (blocks, rows, 3)."""
    features, view = x.split([FEATURE_CHANNELS, x.shape[2] - FEATURE_CHANNELS], dim=2)
    inner = HIDDEN_CHANNELS + view.shape[2]
    W0, W1, W2 = heads.split([FEATURE_CHANNELS * HIDDEN_CHANNELS, inner * HIDDEN_CHANNELS, HIDDEN_CHANNELS * 3], dim=1)
    h0 = torch.bmm(features, W0.reshape(-1, FEATURE_CHANNELS, HIDDEN_CHANNELS))
    h1 = torch.relu(torch.bmm(torch.cat([h0, view], dim=2), W1.reshape(-1, inner, HIDDEN_CHANNELS)))
    return torch.bmm(h1, W2.reshape(-1, HIDDEN_CHANNELS, 3))
