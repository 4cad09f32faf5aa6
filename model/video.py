"""A volumetric video in memory: latents, decoder, hash tables, boxes and occupancy of all its frames."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.pytorch import require_pytorch
from model.camera import Camera
from model.config import ModelConfig
from model.occupancy import unpack_occupancy
from model.sound.stored import VideoSound

if TYPE_CHECKING:  # they load PyTorch, which watching a video does not need
    from model.decoder import MapDecoder
    from model.frame import Frame
    from model.hash_encoding import HashEncoding

Floats = NDArray[np.float32]
Version = tuple[tuple[int, int], ...]
"""A value that changes with weights."""


@dataclass
class VideoMetadata:
    """What a bundle contains besides the network."""

    fps: float = 30.0
    """Frames per second of the capture."""
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Unit vector that points up in the world."""
    cameras: Sequence[Camera] = field(default_factory=list)
    """Cameras of the capture."""
    provenance: dict[str, str] = field(default_factory=dict)
    """Where the video comes from: name, source, how it was trained. Keys are free."""
    license: str = ""
    """License text of the content."""
    sound: VideoSound | None = None
    """The sound, if there is one."""


@dataclass(eq=False, repr=False)
class VolumetricVideo:
    """A whole volumetric video, as arrays. `decode` computes the maps of any instant with PyTorch."""

    config: ModelConfig
    """Hyper-parameters."""
    metadata: VideoMetadata
    """Frame rate, up, cameras, provenance, license."""
    latents: Floats
    """(T, D) float32, z of each frame."""
    boxes: Floats
    """(T, 2, 3) float32, meters."""
    occupancy: NDArray[np.uint8]
    """(T, ceil(X * Y * Z / 8)) uint8, packed by `model.occupancy.pack_occupancy`."""
    decoder_weights: dict[str, Floats]
    """The decoder's parameters, float32, by the names of `model.decoder_layout.decoder_shapes`."""
    hash_tables: Floats
    """(3 planes, entries, F) float32, as in `model.hash_encoding.HashEncoding`."""

    @functools.cached_property
    def decoder(self) -> MapDecoder:
        """The map decoder as a PyTorch module, in evaluation mode. It shares the memory of `decoder_weights`.

        Raises:
            InputError: PyTorch is not installed.
        """
        require_pytorch("the decoder as a PyTorch module")
        from model.network import decoder_of  # noqa: PLC0415 - loads PyTorch

        return decoder_of(self.config, self.decoder_weights)

    @functools.cached_property
    def hash_encoding(self) -> HashEncoding:
        """The hash tables as a PyTorch module. It shares the memory of `hash_tables`.

        Raises:
            InputError: PyTorch is not installed.
        """
        require_pytorch("the hash encoding as a PyTorch module")
        from model.network import hash_encoding_of  # noqa: PLC0415 - loads PyTorch

        return hash_encoding_of(self.config, self.hash_tables)

    def weights_version(self) -> Version:
        """Return a value that changes whenever the decoder or the hash tables change, as they do in training."""
        modules = [self.__dict__[name] for name in ("decoder", "hash_encoding") if name in self.__dict__]
        return tuple((weight.data_ptr(), weight._version) for module in modules for weight in module.parameters())

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.latents)

    @property
    def duration(self) -> float:
        """Seconds that all frames take at the capture's rate."""
        return self.num_frames / self.metadata.fps

    @property
    def bounds(self) -> Floats:
        """(2, 3) box around the boxes of all frames, meters."""
        return np.stack([self.boxes[:, 0].min(0), self.boxes[:, 1].max(0)])

    @property
    def has_maps(self) -> bool:
        """Whether its frames are maps of MLPs. Scenes and videos of other methods (docs/methods.md) have none."""
        return self.config.method is None

    def check_time(self, time: float) -> None:
        """Raise InputError when `time` is not in [0, num_frames - 1]."""
        if not 0 <= time <= self.num_frames - 1:  # also refuses NaN
            raise InputError(f"frame {float(time):.15g}", f"is not in this video (0 to {self.num_frames - 1})")

    def is_loaded(self, time: float) -> bool:
        """Return whether the frame at `time` can be decoded without reading a file. Only long videos are read in parts."""
        return True

    def is_damaged(self, time: float) -> bool:
        """Return whether the frame at `time` cannot be shown because of known damage. Only long videos play in spite of it."""
        return False

    def damaged_frames(self) -> list[range]:
        """Return the frames that cannot be shown because of known damage, as ranges in order."""
        return []

    def load_ahead(self, times: Sequence[float]) -> None:
        """Begin to load what playback needs next, on another thread; only long videos have something to load.

        Args:
            times: frame indices in the order in which playback reaches them.
        """

    def decode(self, time: float) -> Frame:
        """Decode and bake the frame at `time`, a frame index in [0, num_frames - 1] that may be fractional.

        Between two frames the latent and the box are interpolated linearly, the hash tables are read at the exact time,
        and a cell is occupied when it is occupied in either frame.

        Raises:
            InputError: `time` is out of range, or PyTorch is not installed.
        """
        self.check_time(time)
        require_pytorch("decoding into PyTorch tensors")
        from model.network import decode_frame  # noqa: PLC0415 - loads PyTorch

        return decode_frame(self, time)

    def box_and_occupancy(self, time: float) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the (2, 3) box in meters and the (X, Y, Z) bool cells at `time`, without decoding anything."""
        first, second, weight = self._neighbors(time)
        box = _interpolate(self.boxes[first], self.boxes[second], weight)
        packed = self.occupancy[first] | self.occupancy[second] if weight else self.occupancy[first]
        return box, unpack_occupancy(packed, self.config.occupancy.resolution)

    def latent(self, time: float) -> Floats:
        """Return z at `time`, (D,), interpolated linearly between two frames."""
        first, second, weight = self._neighbors(time)
        return _interpolate(self.latents[first], self.latents[second], weight)

    def _neighbors(self, time: float) -> tuple[int, int, float]:
        first = min(int(time), self.num_frames - 1)
        return first, min(first + 1, self.num_frames - 1), time - first


def _interpolate(first: Floats, second: Floats, weight: float) -> Floats:
    """Interpolate from the nearer end, so that both ends are exact."""
    difference = second - first
    if weight < 0.5:
        return first + np.float32(weight) * difference
    return second - np.float32(1 - weight) * difference
