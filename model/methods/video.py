"""A volumetric video of another method in memory."""

from __future__ import annotations

import torch

from model.config import ModelConfig
from model.methods.method import Method, MethodFrame
from model.video import VideoMetadata, VolumetricVideo


class MethodVideo(VolumetricVideo):
    """A video whose frames another method gives. It has no map decoder and no maps; only the reference backend renders it.

    Args:
        config: hyper-parameters, with a `method`.
        metadata: frame rate, up, cameras, provenance, license.
        latents: (T, D) float32; D may be 0.
        boxes: (T, 2, 3) float32, meters.
        occupancy: (T, bytes) uint8, packed cells.
        method: the module, in evaluation mode.
    """

    def __init__(
        self,
        config: ModelConfig,
        metadata: VideoMetadata,
        latents: torch.Tensor,
        boxes: torch.Tensor,
        occupancy: torch.Tensor,
        method: Method,
    ) -> None:
        self.config, self.metadata = config, metadata
        self.latents, self.boxes, self.occupancy = latents, boxes, occupancy
        self.method = method

    @torch.no_grad()
    def decode(self, time: float) -> MethodFrame:  # type: ignore[override]
        """Return the frame at `time`, a frame index in [0, num_frames - 1] that may be fractional.

        Between two frames the latent and the box are interpolated linearly, and a method with a time gets the exact one.

        Raises:
            InputError: `time` is out of range.
        """
        self.check_time(time)
        box, occupancy = self.box_and_occupancy(time)
        return MethodFrame(self.config, time, box, occupancy, self.method.at(self.latent(time), time / self.num_frames))
