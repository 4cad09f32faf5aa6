"""The PyTorch modules of a video: built from its arrays, or the arrays of a video from modules. They share their memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.overrides import TorchFunctionMode

from model.config import ModelConfig
from model.decoder import MapDecoder
from model.frame import Frame
from model.hash_encoding import HashEncoding
from model.video import VideoMetadata, VolumetricVideo


class _NoRandomness(TorchFunctionMode):
    """Skips random initialization, which on the device "meta" imports PyTorch's compiler and takes a second."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0]
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """Build networks whose parameters have shapes but no memory (device "meta"), until the block ends."""
    with torch.device("meta"), _NoRandomness():
        yield


def decoder_of(config: ModelConfig, weights: Mapping[str, NDArray[np.float32]]) -> MapDecoder:
    """Build the decoder in evaluation mode. Its parameters are the given arrays, by the names of `decoder_shapes`."""
    with without_memory():
        decoder = MapDecoder(config)
    decoder.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, assign=True)
    return decoder.eval().requires_grad_(False)


def hash_encoding_of(config: ModelConfig, tables: NDArray[np.float32]) -> HashEncoding:
    """Build the hash encoding, whose tables are the given array: (3 planes, entries, F)."""
    with without_memory():
        encoding = HashEncoding(config.hash)
    encoding.load_state_dict({"tables": torch.from_numpy(tables)}, assign=True)
    return encoding.eval().requires_grad_(False)


def video_of(
    config: ModelConfig,
    metadata: VideoMetadata,
    latents: ArrayLike,
    boxes: ArrayLike,
    occupancy: ArrayLike,
    decoder: MapDecoder,
    hash_encoding: HashEncoding,
) -> VolumetricVideo:
    """Make a video of modules. Its arrays share the memory of parameters and tensors on the CPU.

    Args:
        config, metadata, latents, boxes, occupancy: as the fields of `VolumetricVideo`; also tensors.
        decoder: the map decoder, in evaluation mode.
        hash_encoding: the hash tables.
    """
    weights = {name: _array(value) for name, value in decoder.state_dict().items()}
    arrays = np.asarray(latents, np.float32), np.asarray(boxes, np.float32), np.asarray(occupancy, np.uint8)
    video = VolumetricVideo(config, metadata, *arrays, weights, _array(hash_encoding.tables))
    video.decoder, video.hash_encoding = decoder, hash_encoding
    return video


def _array(parameter: torch.Tensor) -> NDArray[np.float32]:
    return parameter.detach().cpu().float().numpy()  # type: ignore[no-any-return]


@torch.no_grad()
def decode_frame(video: VolumetricVideo, time: float) -> Frame:
    """Decode and bake a frame, see `VolumetricVideo.decode`."""
    box, occupancy = video.box_and_occupancy(time)
    maps = video.decoder(torch.from_numpy(video.latent(time))[None])
    grids = video.hash_encoding.bake(time / video.num_frames)
    return Frame(video.config, time, torch.from_numpy(box), torch.from_numpy(occupancy), grids, *(m[0] for m in maps))
