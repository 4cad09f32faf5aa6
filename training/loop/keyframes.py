"""Frames start from their neighbors in time: latents between frames that were trained are interpolated."""

from __future__ import annotations

import itertools

import torch


@torch.no_grad()
def interpolate_between(latents: torch.Tensor, trained: list[int]) -> None:
    """Replace the latents of all other frames, linearly interpolated between those of the trained frames around them.

    Args:
        latents: (T, D), changed in place.
        trained: indices that ascend from 0 to T - 1.
    """
    for first, last in itertools.pairwise(trained):
        for frame in range(first + 1, last):
            latents[frame] = torch.lerp(latents[first], latents[last], (frame - first) / (last - first))
