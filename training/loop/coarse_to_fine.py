"""Enable the levels of the hash encoding one after the other: finer levels get no gradient until it is their turn.

Tables start close to zero, so a level without gradients adds nothing, and the density is smooth at first.
"""

from __future__ import annotations

import torch

from model.config import HashEncodingConfig
from model.hash_encoding import hash_levels


def freeze_grids(gradient: torch.Tensor, active: int, config: HashEncodingConfig) -> None:
    """Set the gradient of baked grids, (3, nodes, F), to zero from level `active` on."""
    first = sum(level.resolution**2 for level in hash_levels(config)[:active])
    gradient[:, first:] = 0


def freeze_tables(gradient: torch.Tensor, active: int, config: HashEncodingConfig) -> None:
    """Set the gradient of hash tables, (3, entries, F), to zero from level `active` on."""
    first = sum(level.entries for level in hash_levels(config)[:active])
    gradient[:, first:] = 0
