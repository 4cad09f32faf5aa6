"""Summaries and differences of images that the graphics card computes are those of their arrays."""

from __future__ import annotations

import numpy as np
import pytest

from renderer.backend import RenderedImage
from renderer.opengl.measures import SUMMARY_CELLS
from renderer.opengl.passes import RenderOptions
from renderer.opengl.renderer import OpenGLRenderer
from tests.factories import make_camera, make_video

FRAGMENTS = RenderOptions(grouped=False)
"""In software, compute shaders are slow, and any image will do here."""


@pytest.mark.slow
@pytest.mark.parametrize("size", [(150, 91), (20, 17)])
def test_legends_of_an_image(size: tuple[int, int]) -> None:
    renderer = OpenGLRenderer(1, FRAGMENTS)
    image = renderer.render(renderer.prepare(make_video(seed=3), 0.0), make_camera(*size))
    arrays = RenderedImage(image.rgba, image.depth, image.counts)
    assert image.largest_counts() == arrays.largest_counts() and arrays.largest_counts()[1] > 0
    found, expected = image.surface_depths(), arrays.surface_depths()
    assert np.isin(found, expected).all()
    cells = min(SUMMARY_CELLS, size[0]) * min(SUMMARY_CELLS, size[1])
    assert found.size == pytest.approx(expected.size * cells / (size[0] * size[1]), rel=0.1)
    np.testing.assert_allclose(np.percentile(found, (1, 99)), np.percentile(expected, (1, 99)), atol=0.05)
    renderer.close()


@pytest.mark.slow
def test_the_squared_error_of_two_images() -> None:
    renderer, other = OpenGLRenderer(1, FRAGMENTS), OpenGLRenderer(1, FRAGMENTS)
    first, second = (renderer.render(renderer.prepare(make_video(seed=seed), 0.0), make_camera(150, 91)) for seed in (3, 4))
    expected = np.mean((np.clip(first.rgba[..., :3], 0, 1) - np.clip(second.rgba[..., :3], 0, 1)).astype(np.float64) ** 2)
    assert first.squared_error(second) == pytest.approx(expected, rel=1e-4) and expected > 0
    assert first.squared_error(first) == 0
    foreign = other.render(other.prepare(make_video(seed=3), 0.0), make_camera(150, 91))
    assert first.squared_error(foreign) is None, "another context does not have its textures"
    for made in (renderer, other):
        made.close()
