"""Safetensors files of a program's own: written so that faults of the disk are faults of the input, read without a map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from common.errors import InputError


def save_tensors(tensors: Mapping[str, torch.Tensor], file: Path, metadata: dict[str, str], shown: str | Path) -> None:
    """Write tensors, contiguous and on the CPU, with texts beside them.

    Args:
        tensors: by name.
        file: what is written; usually the temporary file that `common.atomic.atomic_write` lends.
        metadata: texts by name.
        shown: the file's name in messages.

    Raises:
        InputError: it cannot be written, as on a full disk.
    """
    try:
        save_file(dict(tensors), file, metadata)
    except SafetensorError as error:
        raise InputError(shown, f"cannot be written ({error})") from error


def load_tensors(file: Path, prefix: str = "") -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Copy the tensors whose names begin with `prefix`, by the rest of their names, and the texts beside them.

    Raises:
        OSError, SafetensorError: it cannot be read; a caller knows what that means.
    """
    with safe_open(file, framework="pt") as opened:
        names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118 - not a mapping
        # Copies: the library's tensors are views of the file, and end the program where another one cuts it short.
        return {name.removeprefix(prefix): opened.get_tensor(name).clone() for name in names}, opened.metadata() or {}
