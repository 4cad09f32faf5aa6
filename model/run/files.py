"""Name the files in a run's folder, and read the tensors and texts in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from common.array_file import Array, load_arrays
from common.documents import parse_json
from common.errors import InputError

SCENE = "scene.safetensors"
"""Boxes, hulls, cameras and metadata, written before the first step."""

CHECKPOINT = "checkpoint.safetensors"
"""The last checkpoint."""

BEST = "best.safetensors"
"""The checkpoint with the best held-out view, without the optimizer's state."""

LOG = "log.jsonl"
"""What was measured, one JSON object per line."""

VIEWS = "views"
"""Folder with captured images, as PNG files named by `view_name`."""


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a training run."""
    return (folder / SCENE).is_file()


def view_name(frame: int, camera: int) -> str:
    """Return the name of a captured image in the folder `VIEWS`."""
    return f"{frame:06d}_{camera:03d}.png"


def parse_view_name(name: str) -> tuple[int, int] | None:
    """Return frame and camera of a captured image's name, or None for other files."""
    found = re.fullmatch(r"(\d{6,9})_(\d{3,9})\.png", name)
    return (int(found[1]), int(found[2])) if found else None


def read_texts(path: Path, name: str) -> dict[str, Any]:
    """Read the JSON object that a safetensors file holds under a name in its metadata.

    Raises:
        InputError: the file cannot be read, or has no such object.
    """
    try:
        with safe_open(path, framework="np") as file:
            values = parse_json((file.metadata() or {})[name], path)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(path, "is damaged") from error
    if not isinstance(values, dict):
        raise InputError(path, "is damaged")
    return values


def read_tensors(path: Path, prefix: str = "") -> dict[str, Array]:
    """Read the arrays whose names begin with `prefix`, which is removed; raise InputError when that fails."""
    try:
        return load_arrays(path, prefix)[0]
    except (OSError, SafetensorError, TypeError, KeyError) as error:  # types that NumPy lacks raise the last two
        raise InputError(path, "is damaged") from error


def check_tensors(path: Path, tensors: dict[str, Array], shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise InputError unless there are exactly these tensors, with these shapes and finite numbers."""
    for name, shape in shapes.items():
        if name not in tensors:
            raise InputError(path, f"has no {name}")
        if tensors[name].shape != shape or not np.isfinite(tensors[name]).all():
            raise InputError(path, f"{name} has a wrong shape or is not finite")
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        raise InputError(path, f"has unknown {unknown[0]}")
