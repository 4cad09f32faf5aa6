"""Volume rendering weights along rays (paper, supplementary equation 3).

Everything is summed as optical depth, so that nothing is lost to cancellation: transmittance is the exponential of minus the
depth in front, never one minus a sum of weights, and alpha is -expm1(-depth), never one minus an exponential.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def volume_weights(optical_depth: torch.Tensor) -> torch.Tensor:
    """Compute the weights w_i = T_i alpha_i of samples in front-to-back order.

    alpha_i = 1 - exp(-sigma_i * step) and T_i = exp(-sum_{j<i} sigma_j * step).

    Args:
        optical_depth: (rays, samples), sigma * step; 0 where there is no sample.

    Returns:
        (rays, samples) in [0, 1]. The sum along a ray is at most 1.
    """
    return transmittance(optical_depth) * -torch.expm1(-optical_depth)


def transmittance(optical_depth: torch.Tensor) -> torch.Tensor:
    """Compute T_i, the share of light that passes the samples in front of each: (rays, samples) to the same shape."""
    # Shift the sums instead of subtracting each depth: that would lose the small depths in front of an opaque sample.
    return torch.exp(-torch.cumsum(functional.pad(optical_depth[:, :-1], (1, 0)), dim=1))


def pad_rays(values: torch.Tensor, ray: torch.Tensor, rays: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Arrange the values of samples in one row per ray, padded with zeros.

    Args:
        values: (S,) in ray order, front to back.
        ray: (S,) int64, the ray of each, ascending.
        rays: R, their number.

    Returns:
        (R, samples) values, and (S,) int64 indices: `padded.flatten()[index]` are the values again.
    """
    counts = torch.bincount(ray, minlength=rays)
    width = max(int(counts.max()) if rays else 0, 1)
    first = torch.cumsum(counts, 0) - counts
    index = ray * width + torch.arange(len(ray), device=ray.device) - first[ray]
    return values.new_zeros(rays * width).index_copy(0, index, values).view(rays, width), index
