"""Fly with keys: the velocity follows the keys smoothly and does not depend on the frame rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SETTLED = 1e-4
"""Below this fraction of the fly speed the camera stops."""


class FlyMotion:
    """A velocity that approaches the target velocity exponentially. Displacements are its exact integral.

    Args:
        speed: full speed, meters per second.
        time_constant: seconds to come within 37 % of a new velocity; 0 follows immediately.
    """

    def __init__(self, speed: float = 1.5, time_constant: float = 0.12) -> None:
        self.speed = speed
        """Full speed, meters per second."""
        self.time_constant = time_constant
        """Time constant of the velocity, seconds."""
        self.velocity: Array = np.zeros(3)
        """(3,) current velocity in camera axes (right, down, forward), meters per second."""

    @property
    def moving(self) -> bool:
        """Whether the camera still moves, so that the window must redraw."""
        return bool(np.linalg.norm(self.velocity) > 0)

    def stop(self) -> None:
        """Stop immediately."""
        self.velocity = np.zeros(3)

    def advance(self, seconds: float, push: ArrayLike) -> Array:
        """Advance by some time and return the displacement in camera axes, meters.

        Args:
            seconds: real time since the last call; values that are negative or not finite count as 0.
            push: (3,) direction of the pressed keys in camera axes (right, down, forward); scaled to length 1 if longer.
        """
        if not (math.isfinite(seconds) and seconds > 0):
            return np.zeros(3)
        wanted = np.asarray(push, dtype=np.float64)
        wanted = self.speed * wanted / max(1.0, float(np.linalg.norm(wanted)))
        if self.time_constant <= 0:
            self.velocity = wanted
            return wanted * seconds
        decay = math.exp(-seconds / self.time_constant)
        lag = self.velocity - wanted
        self.velocity = wanted + decay * lag
        if not wanted.any() and np.linalg.norm(self.velocity) < SETTLED * self.speed:
            self.velocity = np.zeros(3)
        return wanted * seconds + self.time_constant * (1.0 - decay) * lag
