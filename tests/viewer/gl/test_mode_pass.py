"""View modes that a shader computes from textures are those that are computed from arrays."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
import pytest

from model.config import ModelConfig
from renderer.backend import RenderedImage
from renderer.opengl.image import FORMATS, ImageTextures
from tests.factories import make_camera
from viewer.gl.mode_pass import MODES, components
from viewer.gl.presenter import Presenter
from viewer.picture.views import View, make_view


@dataclass
class Frame:
    """What the pass reads of a frame."""

    box: np.ndarray


def random_image(width: int, height: int) -> RenderedImage:
    """Return a wavy surface with holes and a jump in depth."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[0:height, 0:width]
    depth = (2.5 + 0.3 * np.sin(x / 5) + 0.2 * np.cos(y / 7) + (x > width // 2)).astype(np.float32)
    depth[random.random(depth.shape) < 0.2] = 0
    rgba = random.random((height, width, 4)).astype(np.float32)
    rgba[depth == 0] = 0
    return RenderedImage(rgba, depth, random.integers(0, 900, (height, width, 2)).astype(np.uint16))


def upload(context: moderngl.Context, image: RenderedImage) -> ImageTextures:
    """Return an image's textures."""
    made = {}
    for name, (count, dtype) in FORMATS.items():
        made[name] = context.texture(image.size, count, getattr(image, name).tobytes(), dtype=dtype, alignment=1)
        made[name].filter = (moderngl.NEAREST, moderngl.NEAREST)
    return ImageTextures(**made)


@pytest.mark.parametrize("bilinear", [False, True])
@pytest.mark.parametrize("view", MODES)
def test_a_view_is_that_of_the_arrays(presenter: Presenter, view: View, bilinear: bool) -> None:
    image, camera = random_image(53, 37), make_camera(53, 37, azimuth=1.1)
    config = ModelConfig(assignment="bilinear" if bilinear else "nearest", color_map_resolution=8)
    frame = Frame(np.array([[-0.9, -0.8, -0.1], [0.7, 1.0, 1.9]], np.float32))
    target = presenter.context.texture(image.size, components(view), dtype="f4")
    presenter.modes.draw(target, view, upload(presenter.context, image), camera, frame, config, head_plane=2)  # type: ignore[arg-type]
    assert presenter.context.error == "GL_NO_ERROR"
    found = np.frombuffer(target.read(alignment=1), np.float32).reshape(37, 53, -1)
    plane = config.mlp_planes[-1]
    expected = make_view(view, image, camera, (0, 1), frame.box, 8, plane, bilinear).pixels
    assert found.shape == expected.shape and np.isfinite(found).all() and expected.std() > 0
    different = np.abs(found - expected).max(axis=-1) > 2e-3
    assert different.mean() < 0.005, "only where two neighbors are equally near, or on the border of two heads"
