"""The checkpoint of a training run as a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.run.video import StoredRun
from viewer.playback.thresholded_video import ThresholdedVideo

if TYPE_CHECKING:
    from model.occupancy_extraction import Density


class RunVideo(ThresholdedVideo):
    """A checkpoint whose occupancy is extracted frame by frame when frames are prepared, as an export does for all of them.

    Args:
        run: the checkpoint.
    """

    def __init__(self, run: StoredRun) -> None:
        super().__init__(run.video, run.video.config.occupancy.threshold)
        self.run = run

    def _density(self, time: float) -> Density:
        import torch  # noqa: PLC0415

        from model.occupancy_extraction import within  # noqa: PLC0415

        density, first = super()._density(time), int(time)
        cells = self.run.sampled_cells(first)
        if cells is None:
            return density
        if time > first:
            following = self.run.sampled_cells(first + 1)
            assert following is not None
            cells = cells | following
        return within(torch.from_numpy(cells), density)
