"""Read the vertices of one frame, from which its box follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError

MAX_VERTICES = 10_000_000
"""Maximum number of vertices of a frame."""


def read_vertices(folder: Path, stem: str, remedy: str = "", columns: int = 3) -> NDArray[Any]:
    """Read the vertices of a frame, (N, 3) meters, memory-mapped and in their stored floating-point type.

    Args:
        folder: contains <frame>.npy for each frame.
        stem: the frame's name; the file can also have its number without leading zeros.
        remedy: what the user can do about a missing file.
        columns: numbers per point; those after the third are colors.

    Raises:
        InputError: the file is missing, damaged or not a list of finite points.
    """
    names = [stem] + ([str(int(stem))] if stem.isascii() and stem.isdigit() else [])
    path = next((folder / f"{name}.npy" for name in names if (folder / f"{name}.npy").is_file()), folder / f"{stem}.npy")
    if path.is_file() and not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(path, "is a link that leads out of its folder", "copy the files into the folder")
    try:
        points = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(path, "no such file", remedy) from error
    except Exception as error:  # numpy's parser of headers raises various exceptions
        raise InputError(path, "is not an array of points") from error
    shaped = isinstance(points, np.ndarray) and points.ndim == 2 and points.shape[1] == columns and points.dtype.kind == "f"
    if not shaped or not 1 <= len(points) <= MAX_VERTICES or not np.isfinite(points).all():
        raise InputError(path, f"must contain N x {columns} finite numbers")
    return points
