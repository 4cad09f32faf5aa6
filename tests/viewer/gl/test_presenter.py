"""present.frag by hand-computed pixels, in an OpenGL context without a display."""

from __future__ import annotations

import numpy as np

from viewer.gl.presenter import Presenter, PresentOptions
from viewer.picture.color_maps import color_table
from viewer.picture.comparison import Comparison
from viewer.settings import DisplaySettings


def shown(presenter: Presenter, options: PresentOptions, width: int = 8, height: int = 4) -> np.ndarray:
    """Return the pixels of the view."""
    presenter.present(width, height, options)
    return presenter.read().astype(int)


def filled(*channels: float) -> np.ndarray:
    """Return an image of 8 x 4 equal pixels."""
    return np.full((4, 8, len(channels)), channels, np.float32)


def test_row_0_is_at_the_top(presenter: Presenter) -> None:
    image = filled(0, 0, 0, 1)
    image[0, :, 0] = 1.0
    presenter.upload(0, image)
    pixels = shown(presenter, PresentOptions())
    assert (pixels[0] == [255, 0, 0]).all() and (pixels[1:] == 0).all()


def test_premultiplied_over_background_and_exposure(presenter: Presenter) -> None:
    presenter.upload(0, filled(0.25, 0.0, 0.0, 0.5))
    options = PresentOptions(DisplaySettings(background_color=(0.0, 0.4, 1.0)))
    np.testing.assert_allclose(shown(presenter, options)[0, 0], [64, 51, 128], atol=1)
    options.display.exposure = 1.0
    np.testing.assert_allclose(shown(presenter, options)[0, 0], [128, 51, 128], atol=1)
    options.display.exposure, options.display.gamma = 0.0, 2.0  # straight red 0.5 becomes 0.7071, times 0.5
    np.testing.assert_allclose(shown(presenter, options)[0, 0], [90, 51, 128], atol=1)


def test_backgrounds(presenter: Presenter) -> None:
    presenter.upload(0, filled(0, 0, 0, 0))
    colors = {"background_color": (1.0, 1.0, 1.0), "background_color_2": (0.0, 0.0, 0.0)}
    checker = shown(presenter, PresentOptions(DisplaySettings(background="checker", checker_size=2.0, **colors)))  # type: ignore[arg-type]
    assert (checker[:2, :2] == 255).all() and (checker[:2, 2:4] == 0).all() and (checker[2:, :2] == 0).all()
    gradient = shown(presenter, PresentOptions(DisplaySettings(background="gradient", **colors)))  # type: ignore[arg-type]
    np.testing.assert_allclose(gradient[:, 0, 0], [223, 159, 96, 32], atol=1)


def test_scalars_take_the_map_s_ends(presenter: Presenter) -> None:
    table = color_table("turbo")
    presenter.set_color_map("turbo", table)
    for value, color in ((2.0, table[0]), (4.0, table[255]), (9.0, table[255]), (-1.0, table[0])):
        presenter.upload(0, filled(value, 1.0))
        np.testing.assert_allclose(shown(presenter, PresentOptions(value_range=(2.0, 4.0)))[0, 0], color, atol=1)


def test_divider_and_difference(presenter: Presenter) -> None:
    table = color_table("turbo")
    presenter.set_color_map("turbo", table)
    presenter.upload(0, filled(1, 0, 0, 1))
    presenter.upload(1, filled(0, 1, 0, 1))
    pixels = shown(presenter, PresentOptions(comparison=Comparison.DIVIDER, divider=0.25))
    assert (pixels[:, :2] == [255, 0, 0]).all() and (pixels[:, 2:] == [0, 255, 0]).all()
    options = PresentOptions(comparison=Comparison.DIFFERENCE, difference_gain=1.0)
    np.testing.assert_allclose(shown(presenter, options)[0, 0], table[255], atol=1)
    presenter.upload(1, filled(1, 0, 0, 1))
    np.testing.assert_allclose(shown(presenter, options)[0, 0], table[0], atol=1)
    presenter.forget(1)
    assert (shown(presenter, options) == [255, 0, 0]).all()  # nothing to compare with


def test_the_view_is_drawn_again_only_when_something_changed(presenter: Presenter) -> None:
    def passes(options: PresentOptions, width: int = 8) -> int:
        presenter.present(width, 4, options)
        return presenter.passes

    options = PresentOptions()
    presenter.upload(0, filled(0.25, 0.0, 0.0, 0.5))
    assert [passes(options), passes(options), passes(PresentOptions())] == [1, 1, 1]
    options.display.exposure = 1.0  # changed in place
    assert [passes(options), passes(options)] == [2, 2]
    presenter.upload(0, filled(0.5, 0.0, 0.0, 0.5))
    assert passes(options) == 3
    presenter.upload(1, filled(0.5, 0.0, 0.0, 0.5))
    assert passes(options) == 4
    presenter.forget(1)
    assert passes(options) == 5
    presenter.forget(1)
    assert passes(options) == 5
    presenter.set_color_map("turbo", color_table("turbo"))
    assert passes(options) == 6
    assert [passes(options, width=16), passes(options, width=16)] == [7, 7]


def test_a_small_image_is_blended_small_and_read_as_large_as_the_view(presenter: Presenter) -> None:
    image = np.random.default_rng(5).random((2, 4, 4), dtype=np.float32)
    image[..., :3] *= image[..., 3:]
    presenter.upload(0, image)
    plain = PresentOptions(DisplaySettings(background_color=(0.2, 0.5, 0.9)))
    assert texture_size(presenter, plain) == (4, 2)
    enlarged = presenter.read().astype(int)
    assert enlarged.shape == (4, 8, 3)
    assert texture_size(presenter, plain) == (4, 2)  # reading left nothing behind
    plain.display.exposure = 1e-6  # is drawn pixel by pixel
    assert texture_size(presenter, plain) == (8, 4)
    np.testing.assert_allclose(enlarged, presenter.read(), atol=1)
    presenter.upload(0, np.zeros((8, 16, 4), np.float32))  # finer than the view
    assert texture_size(presenter, PresentOptions()) == (8, 4)


def texture_size(presenter: Presenter, options: PresentOptions) -> tuple[int, int]:
    """Return the size of the texture that the view shows."""
    presenter.present(8, 4, options)
    assert presenter.texture is not None
    return presenter.texture.size


def test_the_view_is_shown_at_its_place_and_nothing_else_changes(presenter: Presenter) -> None:
    image = np.zeros((2, 4, 4), np.float32)
    image[..., 3] = 1.0
    image[0, :, 0] = image[1, :, 2] = 1.0  # red above blue
    presenter.upload(0, image)
    screen = presenter.context.simple_framebuffer((16, 12))
    screen.clear(0.0, 1.0, 0.0, 1.0)
    presenter.present(8, 4, PresentOptions())
    presenter.show(screen, (3, 5))
    pixels = np.frombuffer(screen.read(components=3, alignment=1), np.uint8).reshape(12, 16, 3)  # row 0 is at the bottom
    inside = np.zeros((12, 16), bool)
    inside[5:9, 3:11] = True
    assert (pixels[~inside] == [0, 255, 0]).all()
    assert (pixels[5, 3:11] == [0, 0, 255]).all() and (pixels[8, 3:11] == [255, 0, 0]).all()
    np.testing.assert_allclose(pixels[7, 3:11], np.broadcast_to([191, 0, 64], (8, 3)), atol=3)  # a quarter of the way
