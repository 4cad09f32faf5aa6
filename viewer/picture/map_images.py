"""Turn the maps of a frame into images: feature planes, density MLP map and color MLP map (paper, figure 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.config import PLANES

if TYPE_CHECKING:  # loads PyTorch
    from model.frame import Frame

CONTRAST = 0.22
"""Fraction of the color range that one standard deviation covers."""


@dataclass(frozen=True)
class MapImage:
    """One map as an image."""

    kind: str
    """"Features", "Density" or "Color"."""
    plane: str
    """"xy", "xz" or "yz"."""
    pixels: NDArray[np.uint8]
    """(H, W, 4), the plane's first coordinate to the right, its second upwards."""


def map_images(frame: Frame) -> list[MapImage]:
    """Create the images of all maps of a decoded frame.

    The channels of a pixel (of a color map: all parameters of a head) are projected onto three fixed random directions and
    shown as red, green and blue, so that similar colors mean similar parameters in all frames.
    """
    images = [MapImage("Features", plane, project(m.numpy())) for plane, m in zip(PLANES, frame.feature_planes, strict=True)]
    planes = frame.config.mlp_planes
    images += [MapImage("Density", plane, project(m.numpy())) for plane, m in zip(planes, frame.density_maps, strict=True)]
    heads = frame.color_maps.permute(0, 3, 2, 1)  # (planes, parameters, v, u)
    return images + [MapImage("Color", plane, project(m.numpy())) for plane, m in zip(planes, heads, strict=True)]


def project(channels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert (C, H, W) numbers to an (H, W, 4) image with v upwards."""
    directions = np.random.default_rng(7).standard_normal((3, channels.shape[0])).astype(np.float32)
    values = np.tensordot(directions, channels, axes=1)
    mean, deviation = values.mean(axis=(1, 2), keepdims=True), values.std(axis=(1, 2), keepdims=True)
    scaled = 0.5 + CONTRAST * (values - mean) / np.maximum(deviation, 1e-12)
    pixels = np.full((*channels.shape[1:], 4), 255, np.uint8)
    pixels[..., :3] = np.rint(np.clip(scaled, 0, 1) * 255).transpose(1, 2, 0)
    return np.ascontiguousarray(pixels[::-1])
