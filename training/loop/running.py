"""Train a run to its end: checkpoints, progress, interruption."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from common.errors import InputError
from common.interrupts import collected_signals
from training.config import TrainingConfig
from training.loop.processes import LostProcess
from training.loop.progress import Progress
from training.loop.step import measurements_of
from training.loop.trainer import Trainer

Watch = Callable[[float, dict[str, float]], None]
"""Called after every step with the progress before it and what was measured."""

MAX_EMPTY_STEPS = 10
"""Training stops after this many steps without any sample."""


def run_training(trainer: Trainer, folder: Path, progress: Progress, watch: Watch | None = None) -> bool:
    """Train to the end and write checkpoints.

    However training ends, the checkpoint contains every completed step.

    Args:
        trainer: the run.
        folder: its folder.
        progress: shows the progress.
        watch: called after every step: it writes the log and renders the held-out view.

    Returns:
        False when Ctrl-C, SIGTERM or a closed terminal ended it early.

    Raises:
        BrokenPipeError: the reader of the progress is gone.
        LostProcess: another process of the run has ended.
    """
    with collected_signals() as interrupted:
        try:
            _advance_to_the_end(trainer, folder, progress, watch or (lambda *_: None), interrupted)
        except (BrokenPipeError, LostProcess):
            trainer.save(folder)
            raise
        finally:
            progress.close()
        trainer.save(folder)
    return trainer.finished


def _advance_to_the_end(trainer: Trainer, folder: Path, progress: Progress, watch: Watch, interrupted: list[int]) -> None:
    if not trainer.step:
        trainer.save(folder)  # the viewer can open the run from its beginning
    began = last_saved = time.monotonic()
    empty_steps = 0
    while not trainer.finished and not trainer.processes.any(bool(interrupted)):
        before, seconds = trainer.progress, trainer.seconds
        results = trainer.advance()
        empty_steps = 0 if any(result.samples_per_ray for result in results) else empty_steps + 1
        if empty_steps == MAX_EMPTY_STEPS:
            fault = f"no ray of the last {MAX_EMPTY_STEPS} steps meets the scene"
            raise InputError("training", fault, "check the cameras (T in meters, x_camera = R x_world + T), masks and boxes")
        measured = measurements_of(results, trainer.seconds - seconds)
        with trainer.processes.agreed():
            watch(before, measured)
        trainer.agree_on_validation()
        last = trainer.finished or bool(interrupted)
        progress.update(trainer.step, trainer.progress, last=last, **measured)
        now = time.monotonic()
        if now - last_saved > _checkpoint_interval(trainer.config, now - began) and not trainer.finished:
            trainer.save(folder)
            last_saved = time.monotonic()


def _checkpoint_interval(config: TrainingConfig, spent: float) -> float:
    """Return the seconds between checkpoints. The first ones come sooner, so that a viewer soon has something to show."""
    return 60 * config.checkpoint_minutes * min(1.0, max(1 / 20, spent / (60 * config.checkpoint_minutes)))
