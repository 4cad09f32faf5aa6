"""Apply a higher tau1 than the bundle's, so that more cells count as empty."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.pytorch import require_pytorch
from model.segmented_video import SegmentedVideo
from model.video import Version, VolumetricVideo

if TYPE_CHECKING:  # they load PyTorch, which only this kind of video needs
    from model.decoder import MapDecoder
    from model.hash_encoding import HashEncoding
    from model.occupancy_extraction import Density

KEPT = 64
"""Number of frames whose cells are cached."""


def thresholded(video: VolumetricVideo, tau1: float) -> VolumetricVideo:
    """Return a video with a higher tau1; raise InputError as `ThresholdedVideo` does.

    The segments of a long video are changed one by one, when they are loaded.
    """
    if isinstance(video, SegmentedVideo):
        return video.changed(lambda segment: ThresholdedVideo(segment, tau1))
    return ThresholdedVideo(video, tau1)


class ThresholdedVideo(VolumetricVideo):
    """The same video, without the cells in which the density is nowhere above tau1.

    Cells that the bundle marks as empty stay empty, so a tau1 below the bundle's changes nothing. The densities are evaluated
    when a frame is prepared, which then takes several times as long.

    Args:
        source: the video.
        tau1: density, 1/m.

    Raises:
        InputError: tau1 is negative or not finite, or PyTorch is not installed.
    """

    def __init__(self, source: VolumetricVideo, tau1: float) -> None:
        if not 0 <= tau1 < float("inf"):
            raise InputError(f"tau1 {tau1:g}", "must be a density, 0 or more")
        require_pytorch("another threshold tau1")
        parts = (source.latents, source.boxes, source.occupancy, source.decoder_weights, source.hash_tables)
        super().__init__(source.config, source.metadata, *parts)
        self.source = source
        self.tau1 = tau1
        self._lock = threading.Lock()
        self._kept: dict[float, NDArray[np.bool_]] = {}

    @property
    def decoder(self) -> MapDecoder:  # type: ignore[override]
        """The decoder of the source."""
        return self.source.decoder

    @property
    def hash_encoding(self) -> HashEncoding:  # type: ignore[override]
        """The hash encoding of the source."""
        return self.source.hash_encoding

    def weights_version(self) -> Version:
        """Return that of the source."""
        return self.source.weights_version()

    def box_and_occupancy(self, time: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the (2, 3) box in meters and the (X, Y, Z) bool cells at `time`. Decode the frame unless they are cached."""
        box, occupancy = self.source.box_and_occupancy(time)
        cells = self.known_cells(time)
        if cells is None:
            cells = self._thin(time, occupancy)
            with self._lock:
                self._kept[time] = cells
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
        return box, cells

    def _thin(self, time: float, occupancy: NDArray[np.bool_]) -> NDArray[np.bool_]:
        import torch  # noqa: PLC0415

        from model.occupancy_extraction import thin_occupancy  # noqa: PLC0415

        config = replace(self.config.occupancy, threshold=self.tau1)
        return thin_occupancy(self._density(time), torch.from_numpy(occupancy), config).numpy()  # type: ignore[no-any-return]

    def _density(self, time: float) -> Density:
        from model.query import query_density, query_features  # noqa: PLC0415

        frame = self.source.decode(time)
        return lambda points: query_density(frame, points, query_features(frame, points))

    def known_cells(self, time: float) -> NDArray[np.bool_] | None:
        """Return the (X, Y, Z) bool cells at `time` if they are cached, without decoding."""
        with self._lock:
            return self._kept.get(time)
