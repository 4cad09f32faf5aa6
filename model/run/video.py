"""Read the last checkpoint of a run as a video, without the code of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.installation import training_command
from model.bundle.container import blame
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES, network_shapes
from model.bundle.metadata import check_storable
from model.config import ModelConfig
from model.occupancy import pack_occupancy, unpack_occupancy
from model.run.cameras import refined_cameras
from model.run.files import CHECKPOINT, check_tensors, read_tensors, read_texts
from model.run.scene import StoredScene, read_scene
from model.video import VolumetricVideo

SAMPLED_CELLS = "live_cells"
"""Name of the tensor with the cells that training samples, packed like the hulls."""


@dataclass(frozen=True)
class StoredRun:
    """The last checkpoint of a run."""

    video: VolumetricVideo
    """The video, with the cameras as the run refined them. A cell is occupied if it overlaps cells that training samples."""
    sampled: NDArray[np.uint8] | None
    """(T, bytes) uint8, the packed cells that training samples. The density is undefined outside. None means everywhere."""
    resolution: int
    """Number of those cells along each axis."""
    step: int
    """Steps done."""

    def sampled_cells(self, frame: int) -> NDArray[np.bool_] | None:
        """Return the cells that training samples in a frame, (N, N, N) bool, or None."""
        return None if self.sampled is None else unpack_occupancy(self.sampled[frame], (self.resolution,) * 3)


def read_run(folder: Path) -> StoredRun:
    """Read the last checkpoint of a run.

    Raises:
        InputError: the folder is not a run, has no checkpoint yet, or a file is damaged.
    """
    scene, path = read_scene(folder), folder / CHECKPOINT
    if not path.is_file():
        raise InputError(folder, "has no checkpoint yet", f"there is no {CHECKPOINT}")
    texts = read_texts(path, "checkpoint")
    try:
        config, step = ModelConfig.from_dict(texts["config"]["model"]), int(texts["step"])
        trained = f"{step} steps in {float(texts['seconds']) / 60:.0f} minutes"
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, "is damaged") from error
    if config.method is not None:
        remedy = f"export it: {training_command('export')} {folder} OUT.mlpvid"
        raise InputError(folder, f"is a run of the method {config.method.kind}, which is played as a bundle only", remedy)
    scene.metadata.provenance["trained"] = trained
    scene.metadata.cameras = refined_cameras(path, scene.metadata.cameras)
    with blame(folder):
        check_storable(config, scene.metadata, len(scene.boxes))
    video = _read_video(path, config, scene)
    return StoredRun(video, _sampled(path, scene, video), scene.hull_resolution, step)


def _read_video(path: Path, config: ModelConfig, scene: StoredScene) -> VolumetricVideo:
    shapes = network_shapes(config)
    decoder = {name.removeprefix(DECODER_PREFIX): shape for name, shape in shapes.items() if name != HASH_TABLES}
    weights = _checked(path, "network.decoder.", decoder)
    tables = _checked(path, "network.hash_encoding.", {"tables": shapes[HASH_TABLES]})["tables"]
    latents = _checked(path, "latents", {"": (len(scene.boxes), config.decoder.latent_channels)})[""]
    occupancy = np.zeros((len(scene.boxes), 0), np.uint8)
    return VolumetricVideo(config, scene.metadata, latents, scene.boxes, occupancy, weights, tables)


def _checked(path: Path, prefix: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    tensors = read_tensors(path, prefix)
    check_tensors(path, tensors, shapes)
    return {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}


def _sampled(path: Path, scene: StoredScene, video: VolumetricVideo) -> NDArray[np.uint8] | None:
    """Set the video's occupancy from the cells that training samples, and return these."""
    resolution = video.config.occupancy.resolution
    cells = read_tensors(path, SAMPLED_CELLS).get("")
    if scene.hulls is None:
        everywhere = pack_occupancy(np.ones(resolution, np.bool_))
        video.occupancy = np.broadcast_to(everywhere, (len(scene.boxes), len(everywhere)))
        return None
    if cells is not None and (cells.shape != scene.hulls.shape or cells.dtype != np.uint8):
        raise InputError(path, f"{SAMPLED_CELLS} do not fit the hulls of the scene")
    sampled = scene.hulls if cells is None else scene.hulls & cells
    side = (scene.hull_resolution,) * 3
    video.occupancy = np.stack([pack_occupancy(met_cells(unpack_occupancy(f, side), resolution)) for f in sampled])
    return sampled


def met_cells(cells: NDArray[np.bool_], resolution: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return the cells of another grid over the same box that overlap any of the given cells.

    Args:
        cells: (N, N, N) bool.
        resolution: X, Y, Z of the other grid.

    Returns:
        (X, Y, Z) bool.
    """
    for axis, count in enumerate(resolution):
        size = cells.shape[axis]
        starts, ends = ((np.arange(count) + end) * size for end in (0, 1))
        spans = zip(starts // count, -(-ends // count), strict=True)
        cells = np.stack([cells.take(range(start, end), axis).any(axis) for start, end in spans], axis)
    return cells
