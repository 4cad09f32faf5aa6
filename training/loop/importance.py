"""Draw rays where the image changes with time (DyNeRF's importance sampling by temporal difference).

The paper draws the pixels of an image in proportion to their difference from another frame. Here a few times as many pixels as
needed are drawn in the usual way, and those that are kept are drawn from these in proportion to the difference.
"""

from __future__ import annotations

import torch

CANDIDATES = 4
"""Pixels that are drawn for each ray."""

UNIFORM = 0.25
"""Fraction of the rays that are drawn without regard to the difference, so that what never moves is trained, too."""


def draw_other_frame(frame: int, num_frames: int, window: int, generator: torch.Generator) -> int:
    """Draw another frame, at most `window` frames away; there must be at least two."""
    first, last = max(0, frame - window), min(num_frames - 1, frame + window)
    drawn = first + int(torch.randint(last - first, (1,), generator=generator))
    return drawn + 1 if drawn >= frame else drawn


def temporal_weights(pixels: torch.Tensor, others: torch.Tensor, index: torch.Tensor, limit: float) -> torch.Tensor:
    """Return the weights min(|C_t - C_t'|_1 / 3, limit) of pixels.

    Args:
        pixels: (views, H, W, 4) uint8, the images at t.
        others: the same at t'.
        index: (N,) int64, (view * H + row) * W + column.
        limit: the largest weight, as a fraction of the range of colors.

    Returns:
        (N,).
    """
    here, there = (images.view(-1, 4)[index, :3].float() / 255 for images in (pixels, others))
    return (here - there).abs().mean(1).clamp(max=limit)


def resample(pixels: torch.Tensor, candidates: torch.Tensor, weights: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return as many pixels as there are, ascending: `UNIFORM` of them as drawn, the others from the candidates by weight.

    Args:
        pixels: (R,) int64, drawn without regard to weights.
        candidates: (N,) int64.
        weights: (N,) of the candidates. If all are 0, all pixels stay as they are.
        generator: source of the randomness.
    """
    if not bool((weights > 0).any()):
        return pixels
    kept = pixels[torch.randperm(len(pixels), generator=generator)[: round(UNIFORM * len(pixels))]]
    drawn = torch.multinomial(weights, len(pixels) - len(kept), replacement=True, generator=generator)
    return torch.cat([kept, candidates[drawn]]).sort().values
