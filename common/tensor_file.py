"""Read and write safetensors files. Disk errors become an `InputError`, and reading does not memory-map the file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from common.errors import InputError


def save_tensors(tensors: Mapping[str, torch.Tensor], file: Path, metadata: dict[str, str], shown: str | Path) -> None:
    """Write tensors, which must be contiguous and on the CPU, and texts.

    Args:
        tensors: by name.
        file: the file to write; usually the temporary file of `common.atomic.atomic_write`.
        metadata: texts by name.
        shown: the file's name in messages.

    Raises:
        InputError: the file cannot be written, for instance because the disk is full.
    """
    try:
        # The library writes to a temporary file of its own, which a killed program would leave. In this folder, whose name
        # begins like that of `file`, `atomic_write` finds and removes it.
        with _folder_next_to(file) as folder:
            save_file(dict(tensors), folder / "tensors", metadata)
            os.replace(folder / "tensors", file)
    except SafetensorError as error:
        raise InputError(shown, f"cannot be written ({error})") from error


@contextlib.contextmanager
def _folder_next_to(file: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"{file.stem}-", suffix=file.suffix, dir=file.parent))
    try:
        yield folder
    finally:
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()


def load_tensors(file: Path, prefix: str = "") -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read the tensors whose names begin with `prefix`, and the texts. The prefix is removed from the names.

    Raises:
        OSError, SafetensorError: it cannot be read; callers turn this into an `InputError`.
    """
    with safe_open(file, framework="pt") as opened:
        names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118 - not a mapping
        # Copies: the library's tensors map the file, and would crash the program if another one truncated it.
        return {name.removeprefix(prefix): opened.get_tensor(name).clone() for name in names}, opened.metadata() or {}
