"""Begin a run with the parameters of the run before it: the segments of a long video share a decoder (docs/long_videos.md)."""

from __future__ import annotations

from pathlib import Path

import torch

from common.errors import InputError
from model.config import ModelConfig
from model.run.files import CHECKPOINT, check_tensors, read_tensors
from training.loop.checkpoint import read_header
from training.loop.network import Network

EMBEDDING = "embedding"
"""Name of the latents among the network's parameters: the only one whose shape depends on the number of frames."""


@torch.no_grad()
def continue_network(network: Network, folder: Path, config: ModelConfig, shared_frames: int) -> None:
    """Copy the parameters of another run's checkpoint into a network.

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
        raise InputError(folder, "has another model", "train all segments with the same config")
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
