"""Volume rendering weights along rays (paper, supplementary equation 3)."""

from __future__ import annotations

import torch


def volume_weights(optical_depth: torch.Tensor) -> torch.Tensor:
    """Weights w_i = T_i alpha_i of samples in front-to-back order.

    alpha_i = 1 - exp(-sigma_i * step) and T_i = prod_{j<i} (1 - alpha_j), so w_i = exp(-sum_{j<i}) - exp(-sum_{j<=i}).

    Args:
        optical_depth: (rays, samples), sigma * step; 0 where there is no sample.

    Returns:
        (rays, samples) in [0, 1]; sums along a ray are at most 1.
    """
    behind = torch.cumsum(optical_depth, dim=1)
    transmittance = torch.exp(-(behind - optical_depth))
    return transmittance * -torch.expm1(-optical_depth)
