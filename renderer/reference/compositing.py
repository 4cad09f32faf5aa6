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
    # Shifted rather than subtracted: an opaque sample must not swallow the digits of those in front of it.
    in_front = torch.cumsum(torch.nn.functional.pad(optical_depth[:, :-1], (1, 0)), dim=1)
    transmittance = torch.exp(-in_front)
    return transmittance * -torch.expm1(-optical_depth)
