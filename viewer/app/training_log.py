"""The log of a training run, read on another thread as it grows."""

from __future__ import annotations

from pathlib import Path

from model.run.files import LOG
from model.run.log import LogReader, Measurements
from viewer.app.files import Stamp, file_stamp
from viewer.app.redraw import Redraw
from viewer.work.latest_task import LatestTask


class TrainingLog:
    """What a run has measured so far.

    Args:
        folder: the run's folder.
        redraw: notified when there is something new.
    """

    def __init__(self, folder: Path, redraw: Redraw) -> None:
        self.folder = folder
        self.measurements = Measurements()
        """What was read last."""
        self._reader = LogReader(folder / LOG)
        self._reading: LatestTask[Stamp, Measurements] = LatestTask("training log", redraw.notify)
        self._read: tuple[Stamp] | None = None

    def follow(self) -> None:
        """Read what was appended, and take what was read.

        Raises:
            InputError: the log cannot be read. It is tried again when it has changed.
        """
        stamp = file_stamp(self.folder / LOG)
        if self._read != (stamp,):
            self._read = (stamp,)
            self._reading.submit(stamp, self._reader.read)
        done = self._reading.poll()
        if done is not None:
            self.measurements = done[1]

    def close(self) -> None:
        """End its thread."""
        self._reading.close()
