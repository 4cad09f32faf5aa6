"""Terms of the loss (paper, equations 4 and 5; the penalties on sample colors and optical depth are ours)."""

from __future__ import annotations

import torch

from training.config import LossConfig


def color_loss(rendered: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Compute the mean squared error of colors, (R, 3) each."""
    return (rendered - truth).square().mean()


def sample_color_loss(rendered: torch.Tensor, moments: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Compute the mean over rays and channels of sum w (c - truth)^2: each visible sample should have the ray's color.

    Args:
        rendered: (R, 3) sums of w c.
        moments: (R, 2) sums of w |c|^2 and of w.
        truth: (R, 3), premultiplied.
    """
    squares = moments[:, 0] - 2 * (rendered * truth).sum(1) + truth.square().sum(1) * moments[:, 1]
    return squares.mean() / 3


def mask_loss(opacity: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Compute the mean squared error of opacities against the coverage by the mask, (R,) each."""
    return (opacity - mask).square().mean()


def optical_depth_penalty(optical_depth: torch.Tensor, limit: float, samples: int) -> torch.Tensor:
    """Compute the mean squared excess of optical depth over a limit.

    Args:
        optical_depth: (S,) sigma * step of the samples that may exceed it.
        limit: no penalty up to here.
        samples: number of samples that the mean is over.
    """
    return torch.relu(optical_depth - limit).square().sum() / max(samples, 1)


def total_loss(
    color: torch.Tensor,
    sample_color: torch.Tensor,
    mask: torch.Tensor,
    excess: torch.Tensor,
    kl: torch.Tensor | None,
    config: LossConfig,
    distortion: torch.Tensor | None = None,
) -> torch.Tensor:
    """Compute the weighted sum of the terms, scalars as the other functions return them; the color error has weight 1."""
    total = color + config.sample_color * sample_color + config.mask * mask + config.optical_depth * excess
    if distortion is not None:
        total = total + config.distortion * distortion
    return total if kl is None else total + config.kl * kl
