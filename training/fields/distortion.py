"""The distortion loss of mip-NeRF 360 (section 4, equation 15): the weights along a ray should be in one place."""

from __future__ import annotations

import torch

from training.fields.samples import RaySamples


def distortion_loss(weights: torch.Tensor, samples: RaySamples, box: torch.Tensor) -> torch.Tensor:
    """Compute the mean over rays of sum_ij w_i w_j |s_i - s_j| + 1/3 sum_i w_i^2 ds_i, differentiable in the weights.

    Positions s and lengths ds are measured along the ray, in diagonals of the box, so that the loss is the same in any unit.

    Args:
        weights: (S,) w of the samples.
        samples: of R rays, front to back.
        box: (2, 3) meters, the box in which the points are normalized.
    """
    size = (box[1] - box[0]).double()
    diagonal = float(size.norm())
    starts = samples.offsets[:-1].clamp(max=max(len(weights) - 1, 0))
    ray, w = samples.rays, weights.double()
    if not len(w):
        return weights.sum()
    points = samples.points.double() * size
    s = (points - points[starts][ray]).norm(dim=1) / diagonal
    before, moment_before = (_sum_before(values, samples.offsets, ray) for values in (w, w * s))
    between = 2 * (w * (s * before - moment_before)).sum()  # samples ascend, so |s_i - s_j| = s_i - s_j for j before i
    step = samples.step.double() if isinstance(samples.step, torch.Tensor) else samples.step
    within = (w.square() * step).sum() / (3 * diagonal)
    return ((between + within) / max(len(samples.offsets) - 1, 1)).to(weights.dtype)


def density_gradient(of_weights: torch.Tensor, weights: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Turn gradients with respect to the weights of samples into those with respect to their optical depths, (S,) each.

    d w_i / d depth_j is the transmittance behind j for i = j, and -w_i for i > j.

    Args:
        of_weights: gradient of the loss with respect to the weights.
        weights: w.
        offsets: (R + 1,) int64, see `RaySamples`.
    """
    ray = torch.repeat_interleave(torch.arange(len(offsets) - 1, device=offsets.device), offsets.diff())
    w, product = weights.double(), (of_weights * weights).double()
    in_front, products_in_front = (_sum_before(values, offsets, ray) for values in (w, product))
    total = torch.zeros(len(offsets) - 1, dtype=torch.float64, device=w.device).index_add(0, ray, product)
    behind = total[ray] - products_in_front - product
    return ((1 - in_front - w) * of_weights - behind).to(weights.dtype)


def _sum_before(values: torch.Tensor, offsets: torch.Tensor, ray: torch.Tensor) -> torch.Tensor:
    """Return for each sample the sum of the values of its ray's samples in front of it, (S,) float64."""
    sums = torch.nn.functional.pad(values.cumsum(0), (1, 0))
    return sums[:-1] - sums[offsets[:-1]][ray]
