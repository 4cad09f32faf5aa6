"""The one interface to sound devices. Tests use a device with a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from model.sound.decode import Samples

Fill: TypeAlias = Callable[[Samples, float], None]
"""Called on a thread of the device with samples (N, 2) to fill in, and the seconds until the first of them is heard."""


class AudioOutput(Protocol):
    """Plays samples, nominally 48,000 per second. The device's own clock decides how long a sample really takes."""

    def start(self, fill: Fill) -> None:
        """Open the device and begin to ask for samples; may take seconds.

        Raises:
            InputError: there is no device, or it cannot play.
        """

    def stop(self) -> None:
        """Close the device. Does nothing if it is not open."""

    @property
    def heard(self) -> float:
        """Number of samples that have been heard since `start`. Below 0 until the first one is heard."""
