"""Lines that pass behind the scene are split where they do."""

from __future__ import annotations

import numpy as np
import pytest

from model.camera import Camera
from renderer.backend import RenderedImage
from viewer.picture.scene_depth import STEP, SceneDepth, clipped, split_lines, surface_depth
from viewer.picture.wireframes import project_segments

SIZE = (200, 100)

NOTHING = np.full((100, 200), np.inf, np.float32)


def disc(meters: float, left: int = 80, right: int = 120) -> np.ndarray:
    """Return a surface over some columns of the image."""
    depth = NOTHING.copy()
    depth[:, left:right] = meters
    return depth


def line(z0: float, z1: float, y: float = 50.0) -> np.ndarray:
    """Return a line from the left border of the view to the right one."""
    return np.array([[[0.0, y, z0], [200.0, y, z1]]])


def test_a_line_behind_is_cut_in_three() -> None:
    parts, hidden = split_lines(line(3, 3), SIZE, SceneDepth(disc(2.0)), 0.01)
    assert hidden.tolist() == [False, True, False]
    assert parts[0, 0].tolist() == [0, 50] and parts[-1, 1].tolist() == [200, 50]
    np.testing.assert_allclose(parts[1, :, 0], [80, 120], atol=STEP)
    np.testing.assert_array_equal(parts[:-1, 1], parts[1:, 0])


@pytest.mark.parametrize("depth", [NOTHING, disc(4.0), disc(2.99)])
def test_a_line_before_the_surface_or_on_it_stays_whole(depth: np.ndarray) -> None:
    parts, hidden = split_lines(line(3, 3), SIZE, SceneDepth(depth), 0.05)
    assert len(parts) == 1 and not hidden.any()


def test_depth_along_a_line_is_that_of_its_place_in_space() -> None:
    # From 1 m to 9 m: in the middle of the screen it is at the harmonic mean, 1.8 m, not at 5 m.
    _, before = split_lines(line(1, 9), SIZE, SceneDepth(disc(3.0, 99, 101)), 0.0)
    _, behind = split_lines(line(1, 9), SIZE, SceneDepth(disc(1.5, 96, 104)), 0.0)
    assert not before.any() and behind.tolist() == [False, True, False]


def test_what_is_outside_of_the_view_is_left_out() -> None:
    ends = np.array(
        [
            [[-300.0, 50, 2], [500, 50, 2]],
            [[-300.0, -5, 2], [500, -5, 2]],
            [[50.0, -100, 2], [50, 300, 2]],
            [[-10.0, 10, 2], [-10, 90, 2]],
        ]
    )
    kept, begin, finish = clipped(ends, SIZE)
    np.testing.assert_array_equal(kept, ends[[0, 2]])
    np.testing.assert_allclose(begin, [300 / 800, 100 / 400])
    np.testing.assert_allclose(finish, [500 / 800, 200 / 400])
    parts, _ = split_lines(ends, SIZE, SceneDepth(NOTHING), 0.0)
    np.testing.assert_allclose(parts, [[[0, 50], [200, 50]], [[50, 0], [50, 100]]])
    assert split_lines(ends[:0], SIZE, SceneDepth(NOTHING), 0.0)[0].shape == (0, 2, 2)


def test_right_of_the_divider_the_other_image_counts() -> None:
    depth = SceneDepth(disc(2.0, 20, 40), disc(2.0, 140, 160), 0.5)
    parts, hidden = split_lines(line(3, 3), SIZE, depth, 0.0)
    np.testing.assert_allclose(parts[hidden][:, :, 0], [[20, 40], [140, 160]], atol=STEP)


def test_what_is_nearly_transparent_hides_nothing() -> None:
    rgba = np.zeros((1, 2, 4), np.float32)
    rgba[0, :, 3] = 0.2, 0.9
    depth = surface_depth(RenderedImage(rgba, np.array([[2.0, 3.0]], np.float32), np.zeros((1, 2, 2), np.uint16)))
    assert depth.tolist() == [[np.inf, 3.0]]


def test_projected_ends_have_their_depth() -> None:
    camera = Camera(200, 100, np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]]), np.eye(3), np.zeros(3))
    ends = project_segments(np.array([[[0.0, 0, 2], [1, 0, 4]], [[0, 0, -1], [0, 0, -2]], [[0, 0, -1], [0, 0, 1]]]), camera)
    np.testing.assert_allclose(ends[0], [[100, 50, 2], [125, 50, 4]])
    assert len(ends) == 2 and 0 < ends[1, 0, 2] <= 1e-3 * 1.001 and ends[1, 1, 2] == 1
