"""Apply a higher tau1 than the bundle's, so that more cells count as empty."""

from __future__ import annotations

import threading
from dataclasses import replace

import torch

from common.errors import InputError
from model.occupancy import Density, thin_occupancy
from model.query import query_density, query_features
from model.video import VolumetricVideo

KEPT = 64
"""Number of frames whose cells are cached."""


class ThresholdedVideo(VolumetricVideo):
    """The same video, without the cells in which the density is nowhere above tau1.

    Cells that the bundle marks as empty stay empty, so a tau1 below the bundle's changes nothing. The densities are evaluated
    when a frame is prepared, which then takes several times as long.

    Args:
        source: the video.
        tau1: density, 1/m.

    Raises:
        InputError: tau1 is negative or not finite.
    """

    def __init__(self, source: VolumetricVideo, tau1: float) -> None:
        if not 0 <= tau1 < float("inf"):
            raise InputError(f"tau1 {tau1:g}", "must be a density, 0 or more")
        parts = (source.latents, source.boxes, source.occupancy, source.decoder, source.hash_encoding)
        super().__init__(source.config, source.metadata, *parts)
        self.source = source
        self.tau1 = tau1
        self._lock = threading.Lock()
        self._kept: dict[float, torch.Tensor] = {}

    def box_and_occupancy(self, time: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the (2, 3) box in meters and the (X, Y, Z) bool cells at `time`. Decode the frame unless they are cached."""
        box, occupancy = self.source.box_and_occupancy(time)
        cells = self.known_cells(time)
        if cells is None:
            cells = thin_occupancy(self._density(time), occupancy, replace(self.config.occupancy, threshold=self.tau1))
            with self._lock:
                self._kept[time] = cells
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
        return box, cells

    def _density(self, time: float) -> Density:
        frame = self.source.decode(time)
        return lambda points: query_density(frame, points, query_features(frame, points))

    def known_cells(self, time: float) -> torch.Tensor | None:
        """Return the (X, Y, Z) bool cells at `time` if they are cached, without decoding."""
        with self._lock:
            return self._kept.get(time)
