"""A volumetric video of another method in memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from model.config import ModelConfig
from model.methods.create import method_skeleton
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
        latents: ArrayLike,
        boxes: ArrayLike,
        occupancy: ArrayLike,
        method: Method,
    ) -> None:
        arrays = np.asarray(latents, np.float32), np.asarray(boxes, np.float32), np.asarray(occupancy, np.uint8)
        super().__init__(config, metadata, *arrays, {}, np.zeros((3, 0, 2), np.float32))
        self.method = method

    @torch.no_grad()
    def decode(self, time: float) -> MethodFrame:  # type: ignore[override]
        """Return the frame at `time`, a frame index in [0, num_frames - 1] that may be fractional.

        Between two frames the latent and the box are interpolated linearly, and a method with a time gets the exact one.

        Raises:
            InputError: `time` is out of range.
        """
        self.check_time(time)
        box, occupancy = (torch.from_numpy(array) for array in self.box_and_occupancy(time))
        queries = self.method.at(torch.from_numpy(self.latent(time)), time / self.num_frames)
        return MethodFrame(self.config, time, box, occupancy, queries)


def method_of(config: ModelConfig, weights: Mapping[str, NDArray[np.float32]]) -> Method:
    """Build the module of a config's method in evaluation mode. Its parameters are the given arrays, by name."""
    method = method_skeleton(config)
    method.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, assign=True)
    return method.eval().requires_grad_(False)
