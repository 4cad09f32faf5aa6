"""Begin a run with what is trained already: another run of the same or earlier frames, or a bundle."""

from __future__ import annotations

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
from training.config import TrainingConfig
from training.loop.checkpoint import load_occupancy_grids, read_header
from training.loop.continued_tables import move_tables
from training.loop.network import Network
from training.loop.scene import Scene, load_scene

EMBEDDING = "embedding"
"""Name of the latents among the network's parameters: the only one whose shape depends on the number of frames."""

_TOLERANCE = 1e-3  # meters between boxes of the same frame


def start_from(
    source: Path, network: Network, scene: Scene, config: TrainingConfig, shared_frames: int | None = None
) -> torch.Tensor | None:
    """Copy what another run or a bundle has learned into a network.

    Args:
        source: folder of a run, or a bundle.
        network: changed in place.
        scene: of this run.
        config: settings of this run.
        shared_frames: number of frames at the other run's end that are this one's first frames. None means all if it has
            the same frames, and none otherwise.

    Returns:
        The packed cells to which the samples of the same frames were restricted, (T, bytes) uint8; None without any.
        The density elsewhere is undefined.

    Raises:
        InputError: the other one has another model, no checkpoint, too few frames, or other boxes.
    """
    if source.is_file():
        return _start_from_bundle(source, network, scene, config.model)
    same = shared_frames is None and _has_same_frames(source, scene, config)
    continue_network(network, source, config.model, scene.num_frames if same else shared_frames or 0)
    if not same:
        _move_tables(network, config.model, load_scene(source).num_frames, shared_frames or 0)
        return None
    _check_boxes(source, load_scene(source).boxes, scene)
    return load_occupancy_grids(source, scene.hulls)


@torch.no_grad()
def _move_tables(network: Network, config: ModelConfig, frames_before: int, shared_frames: int) -> None:
    """Move the hash tables along the time axis: shared frames keep their features, later ones begin with those of the last."""
    if config.method is not None:
        return

    def time_before(time: float) -> float:
        frame = frames_before - max(1, shared_frames) + time * network.num_frames
        return min(max(frame, 0.0), frames_before - 1.0) / frames_before

    tables = network.hash_encoding.tables
    tables.copy_(move_tables(tables, config.hash, time_before))


def _has_same_frames(folder: Path, scene: Scene, config: TrainingConfig) -> bool:
    first = read_header(folder).config.data.first_frame
    return first == config.data.first_frame and load_scene(folder).num_frames == scene.num_frames


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
    if video.config != config or config.method is not None:
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
def continue_network(network: Network, folder: Path, config: ModelConfig, shared_frames: int) -> None:
    """Copy the parameters of another run's checkpoint into a network (docs/long_videos.md).

    Latents of frames that both have are copied, too. Those of later frames begin with the one of its last frame.

    Args:
        network: changed in place.
        folder: the other run, whose frames come before.
        config: the model of this run.
        shared_frames: number of frames at the other run's end that are this one's first frames.

    Raises:
        InputError: the other run has no checkpoint or another model, or fewer frames than are shared.
    """
    if read_header(folder).config.model != config:
        raise InputError(folder, "has another model", "train both with the same `model` in the config")
    path, own = folder / CHECKPOINT, network.state_dict()
    tensors = read_tensors(path, "network.")
    latents = tensors.get(EMBEDDING)
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    if latents is not None and EMBEDDING in shapes:
        shapes[EMBEDDING] = (len(latents), *shapes[EMBEDDING][1:])
    check_tensors(path, tensors, shapes)
    loaded = {name: torch.from_numpy(value) for name, value in tensors.items()}
    if network.embedding is not None:
        before = loaded[EMBEDDING]
        if shared_frames > len(before):
            raise InputError(folder, f"has {len(before)} frames, fewer than the {shared_frames} that are shared")
        first = len(before) - shared_frames if shared_frames else len(before) - 1
        places = (torch.arange(network.num_frames) + first).clamp(max=len(before) - 1)
        loaded[EMBEDDING] = before[places]
    network.load_state_dict(loaded)
