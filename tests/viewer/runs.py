"""Folders of training runs as a trainer writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from common.atomic import atomic_write
from common.tensor_file import save_tensors
from model.run.files import CHECKPOINT, LOG, SCENE, VIEWS, view_name
from model.video import VolumetricVideo

HULL = 4
"""Cells of the hulls along each axis."""


def write_scene(folder: Path, video: VolumetricVideo, hulls: torch.Tensor | None = None) -> None:
    """Write the scene of a run that trains this video; by default, its hulls are full."""
    folder.mkdir(exist_ok=True)
    metadata = video.metadata
    texts = vars(metadata) | {"cameras": [c.to_dict() for c in metadata.cameras], "loop": False, "hull_resolution": HULL}
    full = torch.full((video.num_frames, HULL**3 // 8), 255, dtype=torch.uint8)
    tensors = {"boxes": torch.from_numpy(video.boxes), "hulls": full if hulls is None else hulls}
    save_tensors(tensors, folder / SCENE, {"scene": json.dumps(texts)}, folder / SCENE)


def write_checkpoint(folder: Path, video: VolumetricVideo, step: int) -> None:
    """Write a checkpoint atomically."""
    tensors = {f"network.decoder.{name}": value for name, value in video.decoder.state_dict().items()}
    tensors |= {f"network.hash_encoding.{name}": value for name, value in video.hash_encoding.state_dict().items()}
    tensors |= {"latents": torch.from_numpy(video.latents), "optimizer.0": torch.zeros(3)}
    texts = {"format_version": 1, "step": step, "seed": 0, "seconds": 90.0, "config": {"model": video.config.to_dict()}}
    with atomic_write(folder / CHECKPOINT) as temporary:
        stored = {name: value.contiguous() for name, value in tensors.items()}
        save_tensors(stored, temporary, {"checkpoint": json.dumps(texts)}, folder / CHECKPOINT)


def write_log(folder: Path, step: int, end: str = "\n") -> None:
    """Append a line to the log."""
    values = {"step": step, "progress": step / 1000, "psnr": 10 + step / 10, "loss": 1 / step, "rays_per_second": 2000.0}
    with (folder / LOG).open("a") as file:
        file.write(json.dumps(values | {"held_back_psnr": 9 + step / 10}) + end)


def write_view(folder: Path, frame: int, camera: int, value: int) -> None:
    """Write a captured image of one gray."""
    (folder / VIEWS).mkdir(exist_ok=True)
    Image.fromarray(np.full((24, 32, 3), value, np.uint8)).save(folder / VIEWS / view_name(frame, camera))
