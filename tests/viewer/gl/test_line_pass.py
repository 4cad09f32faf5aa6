"""Lines over the view: a shader dims them where the scene is in front of them."""

from __future__ import annotations

import numpy as np
import pytest

from renderer.backend import RenderedImage
from viewer.gl.presenter import Presenter, PresentOptions
from viewer.picture.overlay_lines import OverlayLines, make_lines
from viewer.picture.scene_depth import surface_depth

SIZE = (200, 100)

NOTHING = np.full((100, 200), np.inf, np.float32)

WHITE = 0xFFFFFFFF


def disc(meters: float, left: int = 80, right: int = 120) -> np.ndarray:
    """Return a surface over some columns of the image."""
    depth = NOTHING.copy()
    depth[:, left:right] = meters
    return depth


def line(z0: float, z1: float, y: float = 50.5) -> np.ndarray:
    """Return a line from the left border of the view to the right one."""
    return np.array([[[0.0, y, z0], [200.0, y, z1]]])


def drawn(
    presenter: Presenter,
    ends: np.ndarray,
    surface: np.ndarray | None,
    slack: float = 0.0,
    behind: float = 0.25,
    right: tuple[np.ndarray, float] | None = None,
    color: int = WHITE,
    thickness: float = 1.0,
) -> np.ndarray:
    """Return the pixels of a black view with lines over it, (100, 200, 3)."""
    for slot, depth in ((0, surface), (1, None if right is None else right[0])):
        if depth is not None:
            presenter.upload(slot, np.zeros((*depth.shape, 4), np.float32))
            presenter.changed_slot(slot).upload_surface(depth)
    overlay = OverlayLines(make_lines(ends, SIZE, color, thickness, behind), slack, 1.0 if right is None else right[1])
    if surface is None:
        presenter.upload(0, np.zeros((100, 200, 4), np.float32))
    pixels = on_screen(presenter, overlay)
    assert (pixels[..., 3] == 255).all(), "the view is opaque"
    return pixels[..., :3].astype(int)


def on_screen(presenter: Presenter, overlay: OverlayLines) -> np.ndarray:
    """Return the pixels of a screen that only the view is on, (100, 200, 4)."""
    screen = presenter.context.simple_framebuffer(SIZE)
    presenter.present(*SIZE, PresentOptions())
    presenter.show(screen, (0, 0), overlay)
    pixels = np.frombuffer(screen.read(components=4), np.uint8).reshape(100, 200, 4)[::-1]
    screen.release()
    return pixels


def hidden_columns(row: np.ndarray) -> list[int]:
    """Return the first and the last column that is dimmed to a quarter; all others have to be white."""
    dim = np.flatnonzero(np.abs(row[:, 0] - 64) <= 1)
    assert (np.delete(row[:, 0], dim) >= 254).all()
    return [] if not len(dim) else [int(dim[0]), int(dim[-1])]


def test_a_line_behind_is_dimmed_where_the_scene_is_in_front(presenter: Presenter) -> None:
    pixels = drawn(presenter, line(3, 3), disc(2.0), 0.01)
    assert hidden_columns(pixels[50]) == [80, 119]
    assert (pixels[:50] == 0).all() and (pixels[51:] == 0).all()


def test_or_hidden(presenter: Presenter) -> None:
    pixels = drawn(presenter, line(3, 3), disc(2.0), 0.01, behind=0.0)
    assert (pixels[50, 80:120] == 0).all() and (pixels[50, :80] == 255).all() and (pixels[50, 120:] == 255).all()


@pytest.mark.parametrize("depth", [None, NOTHING, disc(4.0), disc(2.99)], ids=["no image", "empty", "behind", "on it"])
def test_a_line_before_the_surface_or_on_it_stays_whole(presenter: Presenter, depth: np.ndarray | None) -> None:
    assert hidden_columns(drawn(presenter, line(3, 3), depth, 0.05)[50]) == []


def test_depth_along_a_line_is_that_of_its_place_in_space(presenter: Presenter) -> None:
    # From 1 m to 9 m: in the middle of the screen it is at the harmonic mean, 1.8 m, not at 5 m.
    assert hidden_columns(drawn(presenter, line(1, 9), disc(3.0, 99, 101))[50]) == []
    assert hidden_columns(drawn(presenter, line(1, 9), disc(1.5, 96, 104))[50]) == [96, 103]


def test_the_part_inside_the_view_keeps_its_depth(presenter: Presenter) -> None:
    # From x = -200 to 400, 1 m to 9 m: 1 / z = 1 - 8 / 9 * (x + 200) / 600 on the screen, so z is 1.5 m at x = 25.
    outside = np.array([[[-200.0, 50.5, 1.0], [400.0, 50.5, 9.0]]])
    assert hidden_columns(drawn(presenter, outside, disc(1.5, 0, 200))[50]) == [25, 199]


def test_the_surface_may_be_coarser_than_the_view(presenter: Presenter) -> None:
    coarse = np.full((10, 20), np.inf, np.float32)
    coarse[5, 8:12] = 2.0
    assert hidden_columns(drawn(presenter, line(3, 3), coarse)[50]) == [80, 119]
    assert hidden_columns(drawn(presenter, line(3, 3, y=49.5), coarse)[49]) == []


def test_right_of_the_divider_the_other_image_counts(presenter: Presenter) -> None:
    row = drawn(presenter, line(3, 3), disc(2.0, 20, 40), right=(disc(2.0, 140, 160), 0.5))[50]
    assert (np.abs(row[20:40] - 64) <= 1).all() and (np.abs(row[140:160] - 64) <= 1).all()
    assert (row[:20] >= 254).all() and (row[40:140] >= 254).all() and (row[160:] >= 254).all()


def test_a_texture_that_holds_the_opacity_counts(presenter: Presenter) -> None:
    rgba = np.zeros((1, 2, 4), np.float32)
    rgba[0, :, 3] = 0.2, 0.9
    presenter.upload(0, rgba)
    depth = presenter.context.buffer(np.array([2.0, 2.0], np.float32).tobytes())
    presenter.changed_slot(0).upload_depth_from(2, 1, depth)
    overlay = OverlayLines(make_lines(line(3, 3), SIZE, WHITE, 1.0, 0.0))
    row = on_screen(presenter, overlay)[50, :, 0]
    assert (row[:100] == 255).all() and (row[100:] < 255).all(), "only what is opaque hides the line"


def test_colors_and_thickness(presenter: Presenter) -> None:
    pixels = drawn(presenter, line(3, 3, y=50.0), None, color=0x800000FF, thickness=4.0)  # half-transparent red
    assert (np.abs(pixels[48:52] - [128, 0, 0]) <= 1).all()
    assert (pixels[:47] == 0).all() and (pixels[53:] == 0).all()


def test_the_view_is_read_without_lines(presenter: Presenter) -> None:
    with_lines = drawn(presenter, line(3, 3), None)
    assert with_lines.any() and not presenter.read().any()
    assert np.array_equal(drawn(presenter, line(3, 3), None), with_lines)


def test_many_lines_fit(presenter: Presenter) -> None:
    ends = np.concatenate([line(3, 3, y=row + 0.5) for row in range(0, 100, 2)] * 60)
    pixels = drawn(presenter, ends, None)
    assert (pixels[::2] == 255).all() and (pixels[1::2] == 0).all()


def test_what_is_nearly_transparent_hides_nothing() -> None:
    rgba = np.zeros((1, 2, 4), np.float32)
    rgba[0, :, 3] = 0.2, 0.9
    depth = surface_depth(RenderedImage(rgba, np.array([[2.0, 3.0]], np.float32), np.zeros((1, 2, 2), np.uint16)))
    assert depth.tolist() == [[np.inf, 3.0]]
