"""The gradients of a step: sums over its frames, and the check that they are finite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from common.errors import InputError


def summed(of_frames: Iterable[Sequence[torch.Tensor | None]]) -> list[torch.Tensor | None]:
    """Return the sums over all frames, given each frame's gradients in the same order; None means zero.

    The first frame's tensors are overwritten.
    """
    return [_sum(parts) for parts in zip(*of_frames, strict=True)]


def _sum(parts: tuple[torch.Tensor | None, ...]) -> torch.Tensor | None:
    present = [part for part in parts if part is not None]
    if not present:
        return None
    total = present[0]
    for part in present[1:]:
        total.add_(part)
    return total


def check_finite(gradients: Iterable[torch.Tensor | None], step: int) -> None:
    """Raise InputError if a gradient of a step is not finite; None means zero."""
    if not all(bool(tensor.sum().isfinite()) for tensor in gradients if tensor is not None):
        raise InputError("training", f"a gradient is not finite at step {step}", "lower the learning rates")
