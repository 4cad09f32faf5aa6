"""The ground under a video: by hand for a known occupancy, and below everything in any direction."""

from __future__ import annotations

import numpy as np
import pytest

from model.ground import GroundFinder, outer_corners
from model.placement import Placement
from model.scene import PlacedVideo, Scene
from model.video import VolumetricVideo
from tests.factories import make_video

random = np.random.default_rng()


def with_cells(cells: np.ndarray, box: tuple[tuple[float, ...], tuple[float, ...]]) -> VolumetricVideo:
    """Return a video whose frames all have these cells in this box."""
    video = make_video()
    video.box_and_occupancy = lambda time: (np.array(box, np.float32), cells)  # type: ignore[method-assign]
    return video


def test_by_hand() -> None:
    """4 cells of 0.5 m stand on each other; the lowest one is empty, and a leg reaches further down than the rest."""
    cells = np.zeros((3, 3, 4), np.bool_)
    cells[:, :, 2:], cells[0, 2, 1] = True, True
    video, finder = with_cells(cells, ((-1, -1, 1), (2, 2, 3))), GroundFinder()
    assert finder.height(video, (0, 0, 1)) == pytest.approx(1.5)
    assert finder.height(video, (0, 0, -1)) == pytest.approx(-3.0)
    assert finder.height(video, (0, 0, 1), crop=((0.0, -1.0, 0.0), (2.0, 2.0, 5.0))) == pytest.approx(1.5), "its border"
    assert finder.height(video, (0, 0, 1), crop=((0.5, -1.0, 0.0), (2.0, 2.0, 5.0))) == pytest.approx(2.0), "without the leg"
    upside_down = PlacedVideo(video, Placement((0, 0, 10), (180, 0, 0), 2.0))
    assert finder.height(Scene((upside_down, PlacedVideo(video, visible=False))), (0, 0, 1)) == pytest.approx(10 - 2 * 3)


def test_nothing_is_below_it() -> None:
    cells = random.random((5, 4, 6)) < 0.1
    cells[2, 2, 2] = True
    low, high = np.array([-0.3, 0.1, -1.0]), np.array([0.7, 0.9, 0.8])
    corners = np.argwhere(cells)[:, None] + np.indices((2, 2, 2)).reshape(3, 8).T
    every = low + corners.reshape(-1, 3) * (high - low) / cells.shape
    video = with_cells(cells, (tuple(low), tuple(high)))
    for up in random.normal(size=(5, 3)):
        assert GroundFinder().height(video, up) == pytest.approx((every @ up).min(), abs=1e-5)


def test_frames_that_are_not_in_memory_do_not_count() -> None:
    """A long video tells only the box of such frames, as one cell. The frame that is shown is in memory."""
    video, cells = make_video(num_frames=9), np.zeros((2, 2, 4), np.bool_)
    cells[1, 1, 2] = True
    unknown = np.array([[0, 0, -5], [1, 1, 4]], np.float32), np.ones((1, 1, 1), np.bool_)
    known = np.array([[0, 0, 0], [1, 1, 4]], np.float32), cells
    video.box_and_occupancy = lambda time: known if time == 2.5 else unknown  # type: ignore[method-assign]
    assert GroundFinder().height(video, (0, 0, 1), time=2.5) == pytest.approx(2.0)
    assert GroundFinder().height(video, (0, 0, 1), time=3.0) == pytest.approx(-5.0), "nothing else is known"
    scene = Scene((PlacedVideo(video, Placement(time_offset=1.5 / 30)), PlacedVideo(make_video(), visible=False)))
    assert GroundFinder().height(scene, (0, 0, 1), time=4.0) == pytest.approx(2.0)


def test_a_video_without_cells_stands_on_its_box() -> None:
    video = with_cells(np.zeros((2, 2, 2), np.bool_), ((0, 0, 0), (1, 1, 1)))
    assert outer_corners(video).min(0) == pytest.approx(video.bounds[0])
