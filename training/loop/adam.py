"""Adam as `torch.optim.Adam(fused=True)` computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

MOMENTS = ("exp_avg", "exp_avg_sq", "step")
"""Names of a parameter's state: first and second moment, number of its updates."""


@dataclass
class AdamGroup:
    """Parameters with the same settings."""

    parameters: Sequence[torch.Tensor]
    """What is updated, in place."""
    base_rate: float
    """Learning rate at its highest."""
    epsilon: float
    """Added to the root of the second moment."""


class Adam:
    """Updates parameters from their `grad`.

    `torch.optim.Adam` gives the same numbers, but imports PyTorch's compiler: three seconds at every start of a training.

    Args:
        groups: the parameters, each group on one device and of one type.
        betas: decay rates of the two moments.
    """

    def __init__(self, groups: list[AdamGroup], betas: tuple[float, float]) -> None:
        self.groups = groups
        self.state: dict[torch.Tensor, dict[str, torch.Tensor]] = {}
        """Moments of each parameter, empty before the first step."""
        self._betas = betas

    @torch.no_grad()
    def step(self, rate_factors: Sequence[float | None]) -> None:
        """Update all parameters once; all of them must have gradients.

        Args:
            rate_factors: one factor per group on its rate; None leaves the group as it is.
        """
        for group, factor in zip(self.groups, rate_factors, strict=True):
            if group.parameters and factor is not None:
                self._step(group, group.base_rate * factor)

    def _step(self, group: AdamGroup, rate: float) -> None:
        states = [self.state.setdefault(p, {}) or self._begin(p) for p in group.parameters]
        averages, squares, steps = ([state[name] for state in states] for name in MOMENTS)
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            list(group.parameters),
            [p.grad for p in group.parameters],  # type: ignore[misc]
            averages,
            squares,
            [],
            steps,
            lr=rate,
            beta1=self._betas[0],
            beta2=self._betas[1],
            weight_decay=0.0,
            eps=group.epsilon,
            amsgrad=False,
            maximize=False,
        )

    def _begin(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        self.state[parameter] = {
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
            "step": torch.zeros((), device=parameter.device),
        }
        return self.state[parameter]
