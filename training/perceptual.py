"""LPIPS, the perceptual distance, with weights that are on disk. Nothing is downloaded."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError

Image = NDArray[Any]
"""(H, W, 3) in [0, 1]."""

Perceptual = Callable[[Image, Image], float]
"""Returns the perceptual distance of two images."""

WEIGHTS = {"vgg": "vgg16-397923af.pth", "alex": "alexnet-owt-7be5be79.pth"}
"""The networks, and torchvision's names of the files with their weights."""

_SMALLEST = 32  # pixels along a side; smaller images vanish in the networks


@dataclass(frozen=True)
class PerceptualScores:
    """The networks whose weights were found."""

    networks: dict[str, Perceptual] = field(default_factory=dict)
    """LPIPS by name in `WEIGHTS`."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a network is missing."""

    def __call__(self, rendered: Image, truth: Image) -> dict[str, float]:
        """Return the distance of two images by network; none for images that are too small for the networks."""
        if min(rendered.shape[:2]) < _SMALLEST:
            return {}
        return {name: network(rendered, truth) for name, network in self.networks.items()}


def find_perceptual(folder: Path | None = None) -> PerceptualScores:
    """Return LPIPS with each network whose weights are on disk, and for the others the reason.

    Args:
        folder: has the files; None means the folder where PyTorch keeps downloaded weights.

    Raises:
        InputError: a folder was given and has none of the files, or a file is damaged.
    """
    place = folder or Path(torch.hub.get_dir()) / "checkpoints"
    missing = [name for name in ("lpips", "torchvision") if importlib.util.find_spec(name) is None]
    if missing:
        return PerceptualScores({}, dict.fromkeys(WEIGHTS, f"the package {missing[0]} is not installed"))
    found = {name: place / file for name, file in WEIGHTS.items() if (place / file).is_file()}
    if folder is not None and not found:
        raise InputError(folder, f"has neither {WEIGHTS['vgg']} nor {WEIGHTS['alex']}", "these are files of torchvision")
    reasons = {name: f"{place} has no {file}" for name, file in WEIGHTS.items() if name not in found}
    return PerceptualScores({name: _load(name, path) for name, path in found.items()}, reasons)


def _load(name: str, path: Path) -> Perceptual:
    """Return LPIPS with a network's weights."""
    import lpips  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - optional

    with contextlib.redirect_stdout(io.StringIO()):  # it greets
        model = lpips.LPIPS(net=name, pnet_rand=True, verbose=False).eval().requires_grad_(False)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        # The package divides the network into slices, but keeps the numbers of its layers.
        model.net.load_state_dict({key: stored[f"features.{key.split('.', 1)[1]}"] for key in model.net.state_dict()})
    except Exception as error:  # the file is a stranger's: torch.load raises many types
        raise InputError(path, "is not torchvision's file with these weights") from error

    @torch.no_grad()
    def distance(first: Image, second: Image) -> float:
        images = [torch.from_numpy(np.float32(image)).permute(2, 0, 1)[None] * 2 - 1 for image in (first, second)]
        return float(model(*images))

    return distance
