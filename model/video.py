"""A volumetric video in memory: latents, decoder, hash tables, boxes and occupancy of all its frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError
from model.camera import Camera
from model.config import ModelConfig
from model.decoder import MapDecoder
from model.frame import Frame
from model.hash_encoding import HashEncoding
from model.occupancy import unpack_occupancy


@dataclass
class VideoMetadata:
    """What a bundle contains besides the network."""

    fps: float = 30.0
    """Frames per second of the capture."""
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Unit vector that points up in the world."""
    cameras: list[Camera] = field(default_factory=list)
    """Cameras of the capture."""
    provenance: dict[str, str] = field(default_factory=dict)
    """Where the video comes from: name, source, how it was trained. Keys are free."""
    license: str = ""
    """License text of the content."""


@dataclass(eq=False, repr=False)
class VolumetricVideo:
    """A whole volumetric video. `decode` computes the maps of any instant."""

    config: ModelConfig
    """Hyper-parameters."""
    metadata: VideoMetadata
    """Frame rate, up, cameras, provenance, license."""
    latents: torch.Tensor
    """(T, D) float32, z of each frame."""
    boxes: torch.Tensor
    """(T, 2, 3) float32, meters."""
    occupancy: torch.Tensor
    """(T, ceil(X * Y * Z / 8)) uint8, packed by `model.occupancy.pack_occupancy`."""
    decoder: MapDecoder
    """The map decoder, in evaluation mode."""
    hash_encoding: HashEncoding
    """The hash tables."""

    @property
    def num_frames(self) -> int:
        """T."""
        return int(self.latents.shape[0])

    @property
    def duration(self) -> float:
        """Seconds that all frames take at the capture's rate."""
        return self.num_frames / self.metadata.fps

    @property
    def bounds(self) -> NDArray[np.float32]:
        """(2, 3) box around the boxes of all frames, meters."""
        boxes = self.boxes.numpy()
        return np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])

    def check_time(self, time: float) -> None:
        """Raise InputError when `time` is not in [0, num_frames - 1]."""
        if not 0 <= time <= self.num_frames - 1:  # also refuses NaN
            raise InputError(f"frame {time:g}", f"is not in this video (0 to {self.num_frames - 1})")

    @torch.no_grad()
    def decode(self, time: float) -> Frame:
        """Decode and bake the frame at `time`, a frame index in [0, num_frames - 1] that may be fractional.

        Between two frames the latent and the box are interpolated linearly, the hash tables are read at the exact time,
        and a cell is occupied when it is occupied in either frame.

        Raises:
            InputError: `time` is out of range.
        """
        self.check_time(time)
        box, occupancy = self.box_and_occupancy(time)
        maps = self.decoder(self.latent(time)[None])
        grids = self.hash_encoding.bake(time / self.num_frames)
        return Frame(self.config, time, box, occupancy, grids, *(m[0] for m in maps))

    def box_and_occupancy(self, time: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the (2, 3) box in meters and the (X, Y, Z) bool cells at `time`, without decoding anything."""
        first, second, weight = self._neighbors(time)
        box = torch.lerp(self.boxes[first], self.boxes[second], weight)
        packed = self.occupancy[first] | self.occupancy[second] if weight else self.occupancy[first]
        return box, unpack_occupancy(packed, self.config.occupancy.resolution)

    def latent(self, time: float) -> torch.Tensor:
        """Return z at `time`, (D,), interpolated linearly between two frames."""
        first, second, weight = self._neighbors(time)
        return torch.lerp(self.latents[first], self.latents[second], weight)

    def _neighbors(self, time: float) -> tuple[int, int, float]:
        first = min(int(time), self.num_frames - 1)
        return first, min(first + 1, self.num_frames - 1), time - first
