"""Read and write PyTorch tensors in safetensors files, as `common/array_file.py` does with arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from common.array_file import load_arrays, save_arrays


def save_tensors(tensors: Mapping[str, torch.Tensor], file: Path, metadata: dict[str, str], shown: str | Path) -> None:
    """Write tensors on the CPU and texts; see `save_arrays`."""
    save_arrays({name: tensor.detach().numpy() for name, tensor in tensors.items()}, file, metadata, shown)


def load_tensors(file: Path, prefix: str = "") -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read tensors and texts; see `load_arrays`."""
    arrays, texts = load_arrays(file, prefix)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, texts
