"""Which segments show an instant."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import InputError
from model.segments import Segment, SegmentPart, check_segments, frames_only_in, parts_at

# Frames 0 to 4, 3 to 6 (two frames are shared), 7 to 9 (none are shared).
ROW = (Segment(0, 5, 0), Segment(3, 4, 1), Segment(7, 3, 2))


@pytest.mark.parametrize(
    ("time", "parts"),
    [
        (0.0, [SegmentPart(0, 0.0, 1.0)]),
        (2.0, [SegmentPart(0, 2.0, 1.0)]),
        (2.75, [SegmentPart(0, 2.75, 0.75), SegmentPart(1, 0.0, 0.25)]),  # the second one is held at its first frame
        (3.5, [SegmentPart(0, 3.5, 0.5), SegmentPart(1, 0.5, 0.5)]),
        (4.25, [SegmentPart(0, 4.0, 0.25), SegmentPart(1, 1.25, 0.75)]),  # the first one is held at its last frame
        (5.0, [SegmentPart(1, 2.0, 1.0)]),
        (6.0, [SegmentPart(1, 3.0, 1.0)]),
        (6.25, [SegmentPart(1, 3.0, 0.75), SegmentPart(2, 0.0, 0.25)]),
        (7.0, [SegmentPart(2, 0.0, 1.0)]),
        (9.0, [SegmentPart(2, 2.0, 1.0)]),
    ],
)
def test_parts_by_hand(time: float, parts: list[SegmentPart]) -> None:
    found = parts_at(ROW, time)
    assert [part.index for part in found] == [part.index for part in parts]
    for part, expected in zip(found, parts, strict=True):
        assert (part.time, part.weight) == pytest.approx((expected.time, expected.weight))


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        ({0}, [range(3)]),  # the second segment has frames 3 and 4
        ({1}, [range(5, 7)]),
        ({2}, [range(7, 10)]),
        ({0, 1}, [range(7)]),
        ({0, 2}, [range(3), range(7, 10)]),
        ({0, 1, 2}, [range(10)]),
        (set(), []),
    ],
)
def test_frames_that_only_some_segments_have(data: set[int], frames: list[range]) -> None:
    assert frames_only_in(ROW, data) == frames


def test_a_segment_whose_neighbors_have_all_its_frames() -> None:
    row = (Segment(0, 4, 0), Segment(2, 3, 1), Segment(5, 2, 0))
    assert frames_only_in(row, {1}) == [range(4, 5)]
    assert frames_only_in((Segment(0, 4, 0), Segment(2, 3, 1), Segment(4, 4, 2)), {1}) == []


def random_row(rng: np.random.Generator) -> tuple[Segment, ...]:
    """Return random segments that are in order; neighbors share up to three frames."""
    segments = [Segment(0, int(rng.integers(4, 9)), 0)]
    while len(segments) < 6:
        shared = int(rng.integers(0, 4))
        first = max(segments[-1].last_frame + 1 - shared, segments[-2].last_frame + 2 if len(segments) > 1 else 1)
        last = segments[-1].last_frame + int(rng.integers(1, 9))
        segments.append(Segment(first, max(last - first + 1, 2), len(segments)))
    return tuple(segments)


def test_shares_add_up_and_change_gradually() -> None:
    rng = np.random.default_rng()
    for _ in range(20):
        row = random_row(rng)
        check_segments(row, row[-1].last_frame + 1)
        shares = []
        for time in np.linspace(0, row[-1].last_frame, 8 * row[-1].last_frame + 1):
            share = np.zeros(len(row))
            for part in parts_at(row, float(time)):
                share[part.index] = part.weight
                assert 0 <= part.time <= row[part.index].num_frames - 1
                assert abs(part.time + row[part.index].first_frame - time) < 1, "held for less than a frame"
            assert share.sum() == pytest.approx(1) and (share > 0).sum() <= 2
            shares.append(share)
        assert np.abs(np.diff(shares, axis=0)).max() <= 1 / 8 + 1e-9, "at most one share per frame"


@pytest.mark.parametrize(
    ("row", "num_frames", "fault"),
    [
        ([Segment(1, 2, 0)], 3, "segments: do not have the frames 0 to 2"),
        ([Segment(0, 2, 0)], 3, "segments: do not have the frames 0 to 2"),
        ([Segment(0, 2, 0), Segment(3, 2, 1)], 5, "segment 1: does not continue"),  # a gap
        ([Segment(0, 3, 0), Segment(0, 5, 1)], 5, "segment 1: does not continue"),
        ([Segment(0, 5, 0), Segment(1, 3, 1), Segment(4, 4, 2)], 8, "segment 1: does not continue"),  # within the first one
        ([Segment(0, 4, 0), Segment(2, 3, 1), Segment(4, 4, 2)], 8, "segment 2: begins before the two previous"),
        ([Segment(0, 2, 0), Segment(2, 2, 2)], 4, "segment 1: has data 2, but the next new number is 1"),
        ([Segment(0, 2, 0), Segment(2, 3, 0)], 5, "segment 1: has 3 frames, but its data have 2"),
    ],
)
def test_wrong_rows(row: list[Segment], num_frames: int, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        check_segments(row, num_frames)
