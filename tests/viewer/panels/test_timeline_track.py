"""The scale of the timeline's track."""

from __future__ import annotations

from itertools import pairwise

import pytest

from viewer.panels.timeline_track import labeled_frames


@pytest.mark.parametrize("count", [1, 2, 12, 59, 60, 61, 64, 66, 300])
@pytest.mark.parametrize("step", [1, 5, 50])
def test_the_last_frame_has_a_label_that_none_touches(count: int, step: int) -> None:
    frames = labeled_frames(count, step)
    assert frames[0] == 0 and frames[-1] == count - 1
    assert all(later - earlier >= min(0.7 * step, count - 1) for earlier, later in pairwise(frames))
    assert all(later - earlier < 2 * step for earlier, later in pairwise(frames))
    assert all(frame % step == 0 for frame in frames[:-1])
