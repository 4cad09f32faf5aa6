"""Turn the checkpoint of a run into a volumetric video: latents, boxes, occupancy."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from common.progress import progress
from model.bundle.container import blame
from model.bundle.metadata import check_storable
from model.network import without_memory
from model.occupancy import pack_occupancy, packed_size, unpack_occupancy
from model.run.cameras import refined_cameras
from model.run.files import BEST, CHECKPOINT
from model.video import VolumetricVideo
from training.config import TrainingConfig
from training.fields.create import create_field
from training.loop.checkpoint import load_latents, load_network, load_occupancy_grids, load_rate_steps, read_header
from training.loop.network import Network
from training.loop.occupancy_grid import extract_frame
from training.loop.rate import round_parameters
from training.loop.scene import Scene, load_scene
from training.loop.workers import worker_pool

CHECKPOINTS = {"last": CHECKPOINT, "best": BEST}
"""The checkpoints of a run that can be exported, and their files."""


def assemble_run(folder: Path, frames: range | None = None, checkpoint: str = "last") -> VolumetricVideo:
    """Build the video of a run, finished or not. The parameters of a run with a rate term are rounded to its steps.

    Args:
        folder: the run's folder.
        frames: the only frames that will be rendered. The others get no occupancy, whose extraction is slow. None means all.

    Raises:
        InputError: the folder is not a run, has no checkpoint, or either is damaged.
    """
    name = CHECKPOINTS[checkpoint]
    scene, header = load_scene(folder), read_header(folder, name)
    with blame(folder):
        check_storable(header.config.model, scene.metadata, scene.num_frames)
    with without_memory():
        network = Network(header.config, scene.num_frames, scene.loop)
    load_network(folder, network, assign=True, name=name)
    steps = load_rate_steps(folder, name)
    if steps is not None:
        round_parameters(network, steps)
    latents = load_latents(folder, scene.num_frames, header.config.model.latent_channels, name)
    scene.metadata.cameras = refined_cameras(folder / name, scene.metadata.cameras)
    clock = " of processor time" if header.config.processor_time else ""
    trained = f"{header.step} steps in {header.seconds / 60:.0f} minutes{clock}, seed {header.seed}"
    if checkpoint == "best":
        trained += ", the best held-out view so far"
    cells = load_occupancy_grids(folder, scene.hulls, name)
    data = header.config.data
    scene.metadata.provenance |= {"trained": trained, "first_frame": str(data.first_frame)}
    if data.frame_stride > 1:
        scene.metadata.provenance["frame_stride"] = str(data.frame_stride)
    return assemble(header.config, scene, network, latents, frames, cells)


def assemble(
    config: TrainingConfig,
    scene: Scene,
    network: Network,
    latents: torch.Tensor,
    frames: range | None = None,
    occupancy_grids: torch.Tensor | None = None,
) -> VolumetricVideo:
    """Build a video from trained parameters. Occupancy is extracted from the density with tau1, within the hull.

    Cells outside `occupancy_grids` (packed, as in the checkpoint) were not sampled in training. Their density is undefined, so
    they stay empty.
    """
    network.requires_grad_(False)
    field = create_field(config)
    frames = frames if frames is not None else range(scene.num_frames)
    occupancy = np.zeros((scene.num_frames, packed_size(config.model.occupancy.resolution)), np.uint8)
    with worker_pool() as pool:
        cells = [None] * scene.num_frames if occupancy_grids is None else list(occupancy_grids)
        volumes = pool.map(lambda i: extract_frame(config, _hull(scene, i, cells[i]), network, latents[i], field, i), frames)
        for frame, volume in progress(zip(frames, volumes, strict=True), len(frames), "extracting occupancy"):
            occupancy[frame] = pack_occupancy(volume)
    return network.video(config.model, scene.metadata, latents, scene.boxes, occupancy)


def predict_seconds(config: TrainingConfig, scene: Scene, workers: int) -> float:
    """Return about how many seconds `assemble` takes, from the time that one frame takes now.

    The time does not depend on what was learned: the density is evaluated in all cells of the hull.
    """
    with torch.random.fork_rng(devices=[]):
        network = Network(config, scene.num_frames, scene.loop)
    middle, latent = scene.num_frames // 2, torch.zeros(config.model.latent_channels)
    start = time.monotonic()
    extract_frame(config, scene.hull(middle), network, latent, create_field(config), middle)
    return (time.monotonic() - start) * scene.num_frames / workers


def _hull(scene: Scene, frame: int, occupancy_grids: torch.Tensor | None) -> torch.Tensor | None:
    hull = scene.hull(frame)
    if hull is None or occupancy_grids is None:
        return hull
    return hull & torch.from_numpy(unpack_occupancy(occupancy_grids, hull.shape))
