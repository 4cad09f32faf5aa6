"""Tone and background of images outside the window: by hand, and equal to present.frag in an OpenGL context."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from renderer.ground_shadow import GroundPlane, GroundShadow
from tests.factories import make_camera
from viewer.export.image_files import over_background
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import finished
from viewer.gl.presenter import Presenter, PresentOptions
from viewer.picture.backdrop import Backdrop, pixels_behind, with_shadow
from viewer.picture.background_image import BackgroundImage
from viewer.picture.color_maps import color_table
from viewer.picture.tone import backdrop, graded
from viewer.picture.views import Legend, ViewPixels
from viewer.settings import BACKGROUNDS, DisplaySettings

WIDTH, HEIGHT = 40, 24


def random_picture(channels: int) -> np.ndarray:
    """Premultiplied, with empty, thin and opaque pixels, and some colors above 1."""
    random = np.random.default_rng(5)
    pixels = random.uniform(0.0, 1.2, (HEIGHT, WIDTH, channels)).astype(np.float32)
    pixels[..., -1:] = np.clip(random.uniform(-0.3, 1.3, (HEIGHT, WIDTH, 1)), 0, 1)
    pixels[..., :-1] *= pixels[..., -1:]
    return pixels


@pytest.mark.parametrize(("background", "exposure", "gamma"), list(product(BACKGROUNDS, (0.0, 1.3, -2.0), (1.0, 2.2))), ids=str)
def test_colors_are_those_of_the_window(presenter: Presenter, background: str, exposure: float, gamma: float) -> None:
    colors = {"background_color": (0.9, 0.4, 0.1), "background_color_2": (0.2, 0.5, 1.0)}
    display = DisplaySettings(background=background, checker_size=5.0, exposure=exposure, gamma=gamma, **colors)  # type: ignore[arg-type]
    pixels = random_picture(4)
    presenter.upload(0, pixels)
    presenter.present(WIDTH, HEIGHT, PresentOptions(display))
    found = over_background(graded(pixels, display), backdrop(display, WIDTH, HEIGHT))
    np.testing.assert_allclose(found.astype(int), presenter.read().astype(int), atol=1)


def test_scalars_are_those_of_the_window(presenter: Presenter) -> None:
    display = DisplaySettings(mode="depth", background_color=(0.9, 0.4, 0.1), color_map="viridis")
    pixels = random_picture(2)
    presenter.upload(0, pixels)
    presenter.set_color_map("viridis", color_table("viridis"))
    presenter.present(WIDTH, HEIGHT, PresentOptions(display, value_range=(0.2, 0.9)))
    options = RecordOptions(display=display)
    found = finished(ViewPixels(pixels, Legend("", 0.2, 0.9)), options)
    np.testing.assert_allclose(found.astype(int), presenter.read().astype(int), atol=2)  # it mixes neighboring colors


def test_a_neutral_look_changes_nothing() -> None:
    pixels = random_picture(4)
    assert graded(pixels, DisplaySettings()) is pixels


def test_by_hand() -> None:
    pixels = np.array([[[0.25, 0.0, 0.0, 0.5]]], np.float32)
    np.testing.assert_allclose(graded(pixels, DisplaySettings(exposure=1.0)), [[[0.5, 0.0, 0.0, 0.5]]])
    np.testing.assert_allclose(graded(pixels, DisplaySettings(gamma=2.0)), [[[0.5**1.5, 0.0, 0.0, 0.5]]])


def random_backdrop() -> Backdrop:
    """A picture of 37 x 21 pixels and a shadow on the ground in front of a camera that looks down a little."""
    random = np.random.default_rng(6)
    image = BackgroundImage((random.integers(0, 255, (21, 37, 3), np.uint8),))
    axes = ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0))
    darkness = random.uniform(0, 1, (12, 9)).astype(np.float32)
    shadow = GroundShadow(GroundPlane(axes, 0.2), (-1.0, -1.5), (2.5, 3.0), darkness)
    return Backdrop(make_camera(80, 48, elevation=0.5), (0.1, 0.2, 0.97), image, shadow)


@pytest.mark.parametrize(("background", "shadow"), list(product(("color", "picture", "panorama"), (False, True))), ids=str)
def test_backdrops_are_those_of_the_window(presenter: Presenter, background: str, shadow: bool) -> None:
    behind, pixels = random_backdrop(), random_picture(4)
    display = DisplaySettings(background=background, background_file="a", panorama_turn=50.0, show_shadow=shadow)
    presenter.upload(0, pixels)
    presenter.present(WIDTH, HEIGHT, PresentOptions(display, behind=behind))
    found = over_background(with_shadow(pixels, display, behind), pixels_behind(display, behind, WIDTH, HEIGHT))
    np.testing.assert_allclose(found.astype(int), presenter.read().astype(int), atol=2)  # textures mix with 8-bit weights
    if shadow or background != "color":
        plain = over_background(pixels, backdrop(display, WIDTH, HEIGHT))
        assert np.abs(found.astype(int) - plain).max() > 20


def test_a_shadow_is_black_with_an_opacity() -> None:
    behind = random_backdrop()
    display = DisplaySettings(show_shadow=True, shadow_strength=0.5)
    empty = np.zeros((48, 80, 4), np.float32)
    shaded = with_shadow(empty, display, behind)
    assert not shaded[..., :3].any() and 0.2 < shaded[..., 3].max() <= 0.5
    assert with_shadow(empty, DisplaySettings(show_shadow=True, mode="depth"), behind) is empty
    assert with_shadow(empty, DisplaySettings(), behind) is empty
