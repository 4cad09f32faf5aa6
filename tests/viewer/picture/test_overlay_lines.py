"""Lines over the view are cut at its borders, and projected ends have their depth."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from viewer.picture.overlay_lines import OverlayLines, clipped, make_lines
from viewer.picture.scene_depth import SceneDepth, is_hidden
from viewer.picture.wireframes import project_segments

SIZE = (200, 100)


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
    made = make_lines(ends, SIZE, 0x40302010, 2.0, 0.5)
    np.testing.assert_allclose(made["ends"][..., :2], [[[0, 50], [200, 50]], [[50, 0], [50, 100]]])
    np.testing.assert_allclose(made["ends"][..., 2], 2.0)
    np.testing.assert_allclose(made["color"], [np.array([16, 32, 48, 64]) / 255] * 2, rtol=1e-6)
    assert made["thickness"].tolist() == [2.0, 2.0] and made["behind"].tolist() == [0.5, 0.5]
    assert make_lines(ends[:0], SIZE, 0, 1.0, 0.0).shape == (0,)


def test_equal_lines_have_equal_keys() -> None:
    ends = np.array([[[0.0, 1, 2], [3, 4, 5]]])
    first, second = (OverlayLines(make_lines(ends, SIZE, 1, 1.0, 0.0), 0.1) for _ in range(2))
    assert first.key == second.key
    assert first.key != OverlayLines(first.lines, 0.2).key != OverlayLines(make_lines(ends, SIZE, 1, 2.0, 0.0), 0.2).key


def test_points_are_hidden_by_the_image_on_their_side_of_the_divider() -> None:
    left, right = np.full((1, 2), 2.0, np.float32), np.full((1, 2), np.inf, np.float32)
    points = np.array([[40.0, 50, 3], [40, 50, 1], [160, 50, 3]])
    assert is_hidden(points, SIZE, SceneDepth(left, right, 0.5), 0.1).tolist() == [True, False, False]
    assert is_hidden(points, SIZE, SceneDepth(left), 0.1).tolist() == [True, False, True]
    assert is_hidden(points[:1], SIZE, SceneDepth(left), 1.5).tolist() == [False]


def test_projected_ends_have_their_depth() -> None:
    camera = Camera(200, 100, np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]]), np.eye(3), np.zeros(3))
    ends = project_segments(np.array([[[0.0, 0, 2], [1, 0, 4]], [[0, 0, -1], [0, 0, -2]], [[0, 0, -1], [0, 0, 1]]]), camera)
    np.testing.assert_allclose(ends[0], [[100, 50, 2], [125, 50, 4]])
    assert len(ends) == 2 and 0 < ends[1, 0, 2] <= 1e-3 * 1.001 and ends[1, 1, 2] == 1
