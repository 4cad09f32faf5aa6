"""The scale of the timeline's track."""

from __future__ import annotations

from itertools import pairwise

import pytest

from viewer.panels.timeline_track import has_range, labeled_frames
from viewer.playback import Playback


@pytest.mark.parametrize("count", [1, 2, 12, 59, 60, 61, 64, 66, 300])
@pytest.mark.parametrize("step", [1, 5, 50])
def test_the_last_frame_has_a_label_that_none_touches(count: int, step: int) -> None:
    frames = labeled_frames(count, step)
    assert frames[0] == 0 and frames[-1] == count - 1
    assert all(later - earlier >= min(0.7 * step, count - 1) for earlier, later in pairwise(frames))
    assert all(later - earlier < 2 * step for earlier, later in pairwise(frames))
    assert all(frame % step == 0 for frame in frames[:-1])


def test_in_and_out_points_are_there_once_less_than_all_is_played() -> None:
    clock = Playback(num_frames=12, fps=30.0)
    assert not has_range(clock)
    clock.set_out_point(10)
    assert has_range(clock)
    clock.clear_range()
    assert not has_range(clock)
    assert not has_range(Playback(num_frames=1, fps=30.0))
