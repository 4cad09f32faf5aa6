"""The maps of frames that are no longer trained, decoded once."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

from model.config import FEATURE_CHANNELS, PLANES
from training.config import TrainingConfig
from training.fields.field import TrainingFrame
from training.loop.schedule import trains_decoder

MAX_BYTES = 1 << 29
"""Memory that the maps may take: those of 190 frames of the preset `small`."""


def fixed_maps_bytes(config: TrainingConfig, num_frames: int) -> int:
    """Return the bytes that `FixedMaps` takes in a run with this number of frames, at most."""
    if trains_decoder(1.0, config.optimizer) or config.model.method is not None:
        return 0
    model = config.model
    sides = (model.feature_plane_resolution, model.density_map_resolution)
    channels = (len(PLANES) * FEATURE_CHANNELS, len(model.mlp_planes) * FEATURE_CHANNELS)
    numbers = sum(side**2 * width for side, width in zip(sides, channels, strict=True))
    numbers += len(model.mlp_planes) * model.color_map_resolution**2 * model.color_head_parameters
    return min(MAX_BYTES, num_frames * 4 * numbers)


class FixedMaps:
    """Keeps decoded frames while the decoder does not change; safe to use from several threads.

    Args:
        max_bytes: memory for the maps. Frames that do not fit are decoded each time.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._left = self._max_bytes = max_bytes
        self._frames: dict[int, TrainingFrame] = {}
        self._lock = threading.Lock()

    def frame(self, index: int, decode: Callable[[], TrainingFrame]) -> TrainingFrame:
        """Return a frame whose maps have no gradients.

        Args:
            index: of the frame in the run.
            decode: decodes the frame; it is called if the frame is not kept.
        """
        kept = self._frames.get(index)
        if kept is not None:
            return kept
        decoded = decode()
        features, densities, colors = (part.detach() for part in decoded.maps)
        fixed = dataclasses.replace(decoded, maps=(features, densities, colors))
        size = sum(part.nbytes for part in fixed.maps)
        with self._lock:
            if index not in self._frames and size <= self._left:
                self._frames[index] = fixed
                self._left -= size
        return fixed

    def clear(self) -> None:
        """Forget all frames, because the decoder changes."""
        if self._frames:
            with self._lock:
                self._frames.clear()
                self._left = self._max_bytes
