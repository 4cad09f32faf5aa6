"""TensorBoard logs: curves, and the held-out view next to its captured image."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError

FOLDER = "tensorboard"
"""Folder of the logs in a run's folder."""


def check_installed() -> None:
    """Raise InputError unless the package tensorboard is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError("--tensorboard", "needs the package tensorboard", "pip install tensorboard")


class Board:
    """Writes TensorBoard logs.

    Args:
        run: the run's folder.
        step: the step that the run starts at; entries of later steps, of a run that was killed, are hidden.
    """

    def __init__(self, run: Path, step: int) -> None:
        check_installed()
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional

        create: Any = SummaryWriter
        self._writer = create(str(run / FOLDER), purge_step=step or None)

    def write(self, step: int, **values: float) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def show(self, step: int, rendered: NDArray[np.float32], truth: NDArray[np.float32]) -> None:
        """Add the held-out view: the rendering at the left, the captured image at the right, both (H, W, 3) in [0, 1]."""
        both = np.clip(np.concatenate([rendered, truth], axis=1), 0, 1)
        self._writer.add_image("held_back_view", both, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Write what is left, and close the files."""
        self._writer.close()
