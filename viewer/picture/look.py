"""How pixels are shown: exposure, gamma and background. The same as shaders/present.frag, for pictures that no window shows."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Background(enum.IntEnum):
    """What is seen where the volume is not."""

    SOLID = 0
    """One color."""
    CHECKER = 1
    """A checkerboard of two colors, to judge opacity by."""
    GRADIENT = 2
    """The first color at the top, the second at the bottom."""


@dataclass
class Look:
    """What is made of a picture's colors, and what is behind it."""

    background: Background = Background.SOLID
    """Kind of background."""
    background_color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Color, or the first of two; 0 to 1."""
    background_color_2: tuple[float, float, float] = (0.2, 0.22, 0.26)
    """The second color of checker and gradient."""
    checker_size: float = 16.0
    """Pixels along a side of a checker's square."""
    exposure: float = 0.0
    """Stops."""
    gamma: float = 1.0
    """Display correction; 1 shows colors as stored."""


def graded(rgba: Floats, look: Look) -> Floats:
    """Exposure and gamma on (H, W, 4) premultiplied color; they work on the color itself, so opacity is divided out first."""
    if look.exposure == 0.0 and look.gamma == 1.0:
        return rgba
    alpha = rgba[..., 3:]
    straight = np.maximum(rgba[..., :3], 0.0) / np.maximum(alpha, 1e-4)
    adjusted = (straight * 2.0**look.exposure) ** (1.0 / look.gamma)
    return np.concatenate([adjusted * alpha, alpha], axis=-1).astype(np.float32)


def backdrop(look: Look, width: int, height: int) -> Floats:
    """The background of a picture, (H, W, 3) or something that broadcasts to it."""
    first, second = (np.asarray(c, dtype=np.float32) for c in (look.background_color, look.background_color_2))
    if look.background is Background.CHECKER:
        x, y = (np.floor((np.arange(side) + 0.5) / look.checker_size) for side in (width, height))
        return np.asarray(np.where(((x + y[:, None]) % 2 < 0.5)[..., None], first, second), dtype=np.float32)
    if look.background is Background.GRADIENT:
        position = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None, None]
        return np.asarray(first + (second - first) * position, dtype=np.float32)
    return first
