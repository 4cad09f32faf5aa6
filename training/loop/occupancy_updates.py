"""When the occupancy grids of all frames are updated: at fractions of the run, as long as that takes little of its time."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from training.config import TrainingConfig
from training.loop.schedule import prunes_between

MAX_SHARE = 0.2
"""Largest part of the time of a run that updates after the first may take."""


@dataclass(frozen=True)
class OccupancyUpdates:
    """The updates so far. They are part of the checkpoint, so that a resumed run knows what updates take."""

    due: bool = False
    """Whether an update is due, and has been put off if it was not done after its step."""
    seconds: float = 0.0
    """What all updates have taken."""
    last: float = 0.0
    """What the last one took."""

    def after_step(self, before: float, after: float, config: TrainingConfig) -> OccupancyUpdates:
        """Return the state after a step that took the run from one progress to another, each 0 to 1."""
        return OccupancyUpdates(after < 1 and (self.due or prunes_between(before, after, config.rays)), self.seconds, self.last)

    def begins(self, seconds: float, config: TrainingConfig) -> bool:
        """Return whether to update now.

        In a run whose length is a time, an update is put off while updates, with this one, would have taken more than
        `MAX_SHARE` of the time, if this one takes as long as the last. A run of a number of steps does all updates when they
        are due, so that it does not depend on the machine.

        Args:
            seconds: time of the run so far.
            config: says what limits the run.
        """
        return self.due and (not config.minutes or self.seconds + self.last <= MAX_SHARE * (seconds + self.last))

    def after_update(self, seconds: float) -> OccupancyUpdates:
        """Return the state after an update that took these seconds."""
        return OccupancyUpdates(False, self.seconds + seconds, seconds)

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: object) -> OccupancyUpdates:
        """Read what `to_dict` returned; None, as in older checkpoints, is the initial state.

        Raises:
            TypeError, ValueError, KeyError: the values are damaged.
        """
        if values is None:
            return OccupancyUpdates()
        if not isinstance(values, dict) or not isinstance(values["due"], bool):
            raise TypeError("not the state of updates")
        seconds, last = float(values["seconds"]), float(values["last"])
        if not (0 <= seconds < math.inf and 0 <= last < math.inf):
            raise ValueError("a number out of range")
        return OccupancyUpdates(values["due"], seconds, last)
