"""Begin a run with what is trained already: another run of the same or earlier frames, or a bundle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError
from model.bundle.info import read_bundle
from model.config import ModelConfig
from model.occupancy import pack_occupancy, unpack_occupancy
from model.run.files import CHECKPOINT, check_tensors, read_tensors
from model.segmented_video import SegmentedVideo
from model.video import VolumetricVideo
from training.config import DataConfig, TrainingConfig
from training.loop.checkpoint import load_occupancy_grids, read_header
from training.loop.continued_tables import move_tables
from training.loop.network import Network
from training.loop.scene import Scene, load_scene

EMBEDDING = "embedding"
"""Name of the latents among the network's parameters: the only one whose shape depends on the number of frames."""

_TOLERANCE = 1e-3  # meters between boxes of the same frame


def start_from(source: Path, network: Network, scene: Scene, config: TrainingConfig) -> torch.Tensor | None:
    """Copy what another run or a bundle has learned into a network. The numbers of the frames in the capture show which ones
    both runs have.

    Args:
        source: folder of a run, or a bundle.
        network: changed in place.
        scene: of this run.
        config: settings of this run.

    Returns:
        The packed cells to which the samples of the same frames were restricted, (T, bytes) uint8; None without any.
        The density elsewhere is undefined.

    Raises:
        InputError: the other one has another model, no checkpoint, or other boxes.
    """
    if source.is_file():
        return _start_from_bundle(source, network, scene, config.model)
    before, theirs = read_header(source).config.data, load_scene(source)
    place = Place.by_number(before, theirs.num_frames, config.data)
    same = place == Place(0.0, 1.0, scene.num_frames)
    continue_network(network, source, config.model, None if same else place)
    if not same:
        return None
    _check_boxes(source, theirs.boxes, scene)
    return load_occupancy_grids(source, scene.hulls)


@dataclass(frozen=True)
class Place:
    """Where the frames of a run are among those of another one."""

    first: float
    """Index of the first frame among the frames of the other run. It need not be a whole number, nor in range."""
    stride: float
    """Frames of the other run between two frames."""
    num_frames: int
    """Number of the other run's frames."""

    @staticmethod
    def by_number(before: DataConfig, num_frames: int, data: DataConfig) -> Place:
        """Compare the numbers of frames in the capture.

        Args:
            before: which frames the other run has.
            num_frames: their number.
            data: which frames this run has.
        """
        return Place(
            (data.first_frame - before.first_frame) / before.frame_stride, data.frame_stride / before.frame_stride, num_frames
        )

    def __call__(self, frame: float) -> float:
        """Return the index in the other run of a frame's index, limited to the frames that it has."""
        return min(max(self.first + self.stride * frame, 0.0), self.num_frames - 1.0)


def _check_boxes(source: Path, boxes: NDArray[np.float32], scene: Scene) -> None:
    if boxes.shape != scene.boxes.shape:
        raise InputError(
            source, f"has {len(boxes)} frames, but {scene.num_frames} are trained", "name the same frames in `data`"
        )
    if float(np.abs(boxes - scene.boxes).max()) > _TOLERANCE:
        raise InputError(
            source, "has other boxes than the frames that are trained", "use its capture and its settings in `data`"
        )


@torch.no_grad()
def _start_from_bundle(path: Path, network: Network, scene: Scene, config: ModelConfig) -> torch.Tensor | None:
    video = read_bundle(path)
    if not _same_parameters(video.config, config) or config.method is not None:
        raise InputError(path, "has another model than the config", "use the config of the run that it was exported from")
    if isinstance(video, SegmentedVideo):
        raise InputError(path, "has several segments", "begin with a bundle that has one")
    if network.embedding is None:
        raise InputError(path, "has latents, but the config computes them from images", "set `latents: embedding`")
    _check_boxes(path, video.boxes, scene)
    network.decoder.load_state_dict({name: torch.from_numpy(value) for name, value in video.decoder_weights.items()})
    network.hash_encoding.tables.copy_(torch.from_numpy(video.hash_tables))
    network.embedding.copy_(torch.from_numpy(video.latents))
    return None if scene.hulls is None else scene.hulls & torch.from_numpy(_packed_cells(video, scene.hull_resolution))


def _same_parameters(first: ModelConfig, second: ModelConfig) -> bool:
    """Return whether two models have the same parameters. They may blend their color heads differently."""
    return first == replace(second, assignment=first.assignment)


def _packed_cells(video: VolumetricVideo, resolution: int) -> NDArray[np.uint8]:
    """Return the cells of hulls that overlap an occupied cell of the video, packed like the hulls."""
    occupied = unpack_occupancy(video.occupancy, video.config.occupancy.resolution)
    x, y, z = (_overlaps(resolution, count).astype(np.float32) for count in video.config.occupancy.resolution)
    packed = [pack_occupancy(np.einsum("xyz,ax,by,cz->abc", cells, x, y, z, optimize=True) > 0) for cells in occupied]
    return np.stack(packed)


def _overlaps(cells: int, others: int) -> NDArray[np.bool_]:
    """Return which of two divisions of the same length overlap, (cells, others)."""
    i, j = np.arange(cells)[:, None], np.arange(others)
    return (i * others < (j + 1) * cells) & (j * cells < (i + 1) * others)


@torch.no_grad()
def continue_network(network: Network, folder: Path, config: ModelConfig, place: Place | None) -> None:
    """Copy the parameters of another run's checkpoint into a network (docs/long_videos.md).

    Each frame begins with the latent and the hash grids of the other run at its time. Outside of that run, it begins with those
    of its first or last frame. Between frames, latents are interpolated.

    Args:
        network: changed in place.
        folder: the other run.
        config: the model of this run.
        place: where the frames are in the other run; None means that both have the same frames.

    Raises:
        InputError: the other run has no checkpoint or another model.
    """
    if not _same_parameters(read_header(folder).config.model, config):
        raise InputError(folder, "has another model", "train both with the same `model` in the config")
    path, own = folder / CHECKPOINT, network.state_dict()
    tensors = read_tensors(path, "network.")
    latents = tensors.get(EMBEDDING)
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    if latents is not None and EMBEDDING in shapes:
        shapes[EMBEDDING] = (len(latents), *shapes[EMBEDDING][1:])
    check_tensors(path, tensors, shapes)
    loaded = {name: torch.from_numpy(value) for name, value in tensors.items()}
    if place is not None and network.embedding is not None:
        loaded[EMBEDDING] = _latents_at([place(frame) for frame in range(network.num_frames)], loaded[EMBEDDING])
    network.load_state_dict(loaded)
    if place is not None and config.method is None:
        times = network.num_frames, place.num_frames
        tables = network.hash_encoding.tables
        tables.copy_(move_tables(tables, config.hash, lambda time: place(time * times[0]) / times[1]))


def _latents_at(places: list[float], latents: torch.Tensor) -> torch.Tensor:
    """Return latents at places between frames, interpolated linearly from (T, D)."""
    lower = [min(int(place), max(len(latents) - 2, 0)) for place in places]
    upper = [min(index + 1, len(latents) - 1) for index in lower]
    shares = torch.tensor([place - index for place, index in zip(places, lower, strict=True)], dtype=latents.dtype)
    return torch.lerp(latents[lower], latents[upper], shares[:, None])
