"""Frames, seeds, rays and learning rates of a step. They follow from its number and the run's progress, so resuming needs no
other state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.config import OptimizerConfig, RayConfig, StartConfig


@dataclass(frozen=True)
class RateFactors:
    """Factors on the learning rates of a step."""

    tables: float
    """Of the hash tables."""
    others: float | None
    """Of decoder, encoder and embedding; None once only the hash tables are trained."""


def frames_of_step(step: int, frames_per_step: int, num_frames: int, seed: int) -> list[int]:
    """Return the frames of a step. Every frame is used once, in random order, before any is used again."""
    first = step * frames_per_step
    return [_frame_at(position, num_frames, seed) for position in range(first, first + frames_per_step)]


def trained_frames(progress: float, num_frames: int, config: StartConfig) -> list[int]:
    """Return the frames that are trained at a progress of the run, 0 to 1: all, or at first only keyframes and the last one."""
    stride = config.keyframe_stride if progress < config.keyframes_until else 1
    return sorted({*range(0, num_frames, stride), num_frames - 1})


def active_levels(progress: float, num_levels: int, config: StartConfig) -> int:
    """Return how many levels of the hash encoding are trained at a progress of the run, 0 to 1: first one, in the end all."""
    return num_levels if progress >= config.levels_until else 1 + int(progress / config.levels_until * (num_levels - 1))


def _frame_at(position: int, num_frames: int, seed: int) -> int:
    epoch, index = divmod(position, num_frames)
    return int(np.random.default_rng([seed, 1, epoch]).permutation(num_frames)[index])


def seed_of(step: int, slot: int, seed: int) -> int:
    """Return the seed of one frame of a step, below 2^63."""
    return int(np.random.SeedSequence([seed, 2, step, slot]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def rate_factor(before: float, after: float, config: OptimizerConfig) -> float:
    """Return the factor on the learning rates of a step: linear warm-up times exponential or linear decay.

    With a linear decay, neither the first nor the last step of a run has the rate 0.

    Args:
        before: progress of the run at the start of the step, 0 to 1.
        after: at its end. If time limits the run, it may be a little above 1.
        config: warm-up and decay.
    """
    warmup = min(1.0, after / config.warmup) if config.warmup else 1.0
    if config.schedule == "exponential":
        return warmup * config.decay**after
    return warmup * min(1.0, (1 - before) / (1 - config.fall_from))


def trains_decoder(progress: float, config: OptimizerConfig) -> bool:
    """Return whether more than the hash tables is trained in a step that starts at a progress of the run, 0 to 1."""
    return progress < config.decoder_until or config.decoder_until == 1


def rate_factors(before: float, after: float, config: OptimizerConfig) -> RateFactors:
    """Return the factors on all learning rates of a step; arguments as in `rate_factor`."""
    until = config.decoder_until
    others = rate_factor(before / until, after / until, config) if trains_decoder(before, config) else None
    return RateFactors(rate_factor(before, after, config), others)


def rays_of_step(progress: float, config: RayConfig) -> int:
    """Return the rays per frame of a step: an eighth of the config's at first, all of them after the ramp.

    Args:
        progress: progress of the run at the start of the step, 0 to 1.
        config: rays and ramp.
    """
    share = min(1.0, 1 / 8 + 7 / 8 * progress / config.ramp) if config.ramp else 1.0
    return max(1, round(share * config.rays_per_frame))


def prunes_between(before: float, after: float, config: RayConfig) -> bool:
    """Return whether the occupancy grid is updated after a step that took the run from one progress to another, each 0 to 1.

    It is updated at every multiple of `prune_every` except the end of the run.
    """
    return after < 1 and passes_multiple(before, after, config.prune_every)


def passes_multiple(before: float, after: float, every: float) -> bool:
    """Return whether a step that took the run from one progress to another reached a multiple of `every`, all 0 to 1.

    0 has no multiples.
    """
    rounding = 1e-9
    return every > 0 and int(after / every + rounding) > int(before / every + rounding)
