"""A baked frame, stored in textures for the shaders."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from model.config import ModelConfig


@dataclass
class FrameTextures:
    """The textures of a baked frame; see shaders/opengl/features.glsl, color_head.glsl and density_pass.frag."""

    grids: moderngl.TextureArray
    """Half floats: hash levels at the frame's time."""
    feature_planes: moderngl.TextureArray
    """Half floats, (24 layers, H, W, 4)."""
    density_maps: moderngl.TextureArray
    """Half floats, (8 layers per distinct plane, H, W, 4)."""
    color_heads: moderngl.TextureArray
    """Half floats, (MLP planes, heads, texels of a head, 4)."""
    empty_distance: moderngl.TextureArray
    """uint8, (X, Y, Z): distance to the nearest occupied cell, in cells."""

    def as_dict(self) -> dict[str, moderngl.TextureArray]:
        """Return the textures by the names of their samplers."""
        return dict(vars(self))


@dataclass
class OpenGLFrame:
    """A frame on the graphics card."""

    config: ModelConfig
    """Hyper-parameters of the video."""
    time: float
    """Frame index. It may be fractional."""
    box: NDArray[np.float32]
    """(2, 3) corners, meters."""
    textures: FrameTextures
    """Everything that the shaders read."""
    scales: tuple[float, float, float]
    """Factors on the stored grids, feature planes and density maps."""
    decode_ms: float
    """Milliseconds from latent to maps on the graphics card."""
    bake_ms: float
    """Milliseconds from maps to textures."""

    @property
    def nbytes(self) -> int:
        """Bytes of the graphics card's memory that it occupies."""
        return sum(texture_bytes(texture) for texture in self.textures.as_dict().values())


def texture_bytes(texture: moderngl.TextureArray) -> int:
    """Return the size of a texture array."""
    width, height, layers = texture.size
    return int(width * height * layers * texture.components * np.dtype(texture.dtype).itemsize)
