"""Watch a run while it trains: its log, the held-out view with the best checkpoint, and TensorBoard."""

from __future__ import annotations

from pathlib import Path

from common.scores import psnr
from model.run.files import BEST
from training.loop.board import Board
from training.loop.log import RunLog
from training.loop.progress import Progress, RunningMeans
from training.loop.schedule import passes_multiple
from training.loop.trainer import Trainer
from training.loop.validation import Validation


class RunWatch:
    """Records what a run measures.

    Args:
        trainer: the run.
        folder: its folder.
        log: gets the measurements.
        progress: shows the PSNR of the held-out view.
        validation: renders the held-out view; None means that there is none.
        board: writes TensorBoard logs; None means none.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        log: RunLog,
        progress: Progress,
        validation: Validation | None,
        board: Board | None,
    ) -> None:
        self._trainer, self._folder, self._log, self._progress = trainer, folder, log, progress
        self._validation, self._board = validation, board
        self._means = RunningMeans()

    def __call__(self, before: float, measured: dict[str, float]) -> None:
        """Record a step; render the held-out view when it is time.

        Args:
            before: progress of the run before the step, 0 to 1.
            measured: the step's measurements.
        """
        trainer, validation = self._trainer, self._validation
        self._means.add(**measured)
        done, every = trainer.progress >= 1, trainer.config.validation.every
        held_out: dict[str, float] = {}
        if validation is not None and (done or passes_multiple(before, trainer.progress, every)):
            held_out = self._validate(validation)
        if held_out or done or self._log.due:
            self._write(held_out)

    def _write(self, held_out: dict[str, float]) -> None:
        mean, trainer = self._means.mean, self._trainer
        values = {"loss": mean("loss"), "psnr": psnr(mean("squared_error")), "rays_per_second": self._means.rate("rays")}
        values |= held_out
        self._log.write(trainer.step, progress=trainer.progress, seconds=trainer.seconds, **values)
        if self._board is not None:
            self._board.write(trainer.step, **values)

    def _validate(self, validation: Validation) -> dict[str, float]:
        trainer = self._trainer
        rendered, score = trainer.validate(validation)
        self._progress.held_out = score
        if self._board is not None:
            self._board.show(trainer.step, rendered, validation.truth)
        if trainer.validation.best_step == trainer.step:
            trainer.save(self._folder, BEST)
        return {"held_back_psnr": score}
