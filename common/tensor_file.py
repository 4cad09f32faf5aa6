"""Write PyTorch tensors to safetensors files, as `common/array_file.py` does with arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from common.array_file import save_arrays


def save_tensors(tensors: Mapping[str, torch.Tensor], file: Path, metadata: dict[str, str], shown: str | Path) -> None:
    """Write tensors on the CPU and texts; see `save_arrays`."""
    save_arrays({name: tensor.detach().numpy() for name, tensor in tensors.items()}, file, metadata, shown)
