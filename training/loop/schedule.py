"""Frames, seeds and learning rates of a step. They follow from its number alone, so resuming needs no other state."""

from __future__ import annotations

import numpy as np

from training.config import OptimizerConfig, RayConfig


def frames_of_step(step: int, frames_per_step: int, num_frames: int, seed: int) -> list[int]:
    """Return the frames of a step. Every frame is used once, in random order, before any is used again."""
    first = step * frames_per_step
    return [_frame_at(position, num_frames, seed) for position in range(first, first + frames_per_step)]


def _frame_at(position: int, num_frames: int, seed: int) -> int:
    epoch, index = divmod(position, num_frames)
    return int(np.random.default_rng([seed, 1, epoch]).permutation(num_frames)[index])


def seed_of(step: int, slot: int, seed: int) -> int:
    """Return the seed of one frame of a step, below 2^63."""
    return int(np.random.SeedSequence([seed, 2, step, slot]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def rate_factor(step: int, progress: float, config: OptimizerConfig) -> float:
    """Return the factor on the learning rates: linear warm-up times exponential decay.

    Args:
        step: steps done.
        progress: progress of the training, 0 to 1.
        config: warm-up and decay.
    """
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    return warmup * config.decay ** (step / config.decay_steps if config.decay_steps else progress)


def rays_of_step(step: int, config: RayConfig) -> int:
    """Return the rays per frame of a step: an eighth of the config's at first, all of them after the ramp."""
    share = min(1.0, 1 / 8 + 7 / 8 * step / config.ramp_steps) if config.ramp_steps else 1.0
    return max(1, round(share * config.rays_per_frame))
