"""Read and write safetensors files. Disk errors become an `InputError`, and reading does not memory-map the file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from common.errors import InputError

Array = NDArray[Any]


def save_arrays(arrays: Mapping[str, Array], file: Path, metadata: dict[str, str], shown: str | Path) -> None:
    """Write arrays and texts.

    Args:
        arrays: by name.
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
            save_file({name: np.asarray(value, order="C") for name, value in arrays.items()}, folder / "tensors", metadata)
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


def load_arrays(file: Path, prefix: str = "") -> tuple[dict[str, Array], dict[str, str]]:
    """Read the arrays whose names begin with `prefix`, and the texts. The prefix is removed from the names.

    Raises:
        OSError, SafetensorError: it cannot be read; callers turn this into an `InputError`.
    """
    with safe_open(file, framework="np") as opened:
        names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118 - not a mapping
        # Copies: the library's arrays may map the file, and would crash the program if another one truncated it.
        return {name.removeprefix(prefix): np.array(opened.get_tensor(name)) for name in names}, opened.metadata() or {}
