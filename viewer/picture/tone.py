"""Apply tone and background to pixels as shaders/present.frag does, for images outside the window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viewer.settings import DisplaySettings

Floats = NDArray[np.float32]


def over_black() -> DisplaySettings:
    """Return the settings that show colors as stored over black."""
    return DisplaySettings(background_color=(0.0, 0.0, 0.0))


def graded(rgba: Floats, display: DisplaySettings) -> Floats:
    """Apply exposure and gamma to (H, W, 4) premultiplied color. They are applied to the color divided by the opacity."""
    exposure, gamma = display.tone
    if (exposure, gamma) == (0.0, 1.0):
        return rgba
    alpha = rgba[..., 3:]
    straight = np.maximum(rgba[..., :3], 0.0) / np.maximum(alpha, 1e-4)
    adjusted = (straight * 2.0**exposure) ** (1.0 / gamma)
    return np.concatenate([adjusted * alpha, alpha], axis=-1).astype(np.float32)


def backdrop(display: DisplaySettings, width: int, height: int) -> Floats:
    """Return the plain background of an image, (H, W, 3) or a shape that broadcasts to it; one color behind pictures."""
    first, second = (np.asarray(c, dtype=np.float32) for c in display.background_colors)
    if display.background == "checker":
        x, y = (np.floor((np.arange(side) + 0.5) / display.checker_size) for side in (width, height))
        return np.asarray(np.where(((x + y[:, None]) % 2 < 0.5)[..., None], first, second), dtype=np.float32)
    if display.background == "gradient":
        position = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None, None]
        return np.asarray(first + (second - first) * position, dtype=np.float32)
    return first
