"""Timecodes against hand-computed values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from viewer.playback.timecode import format_timecode, parse_timecode, tick_time


@pytest.mark.parametrize(
    ("frame", "fps", "text"),
    [
        (0, 30, "00:00:00:00"),
        (29, 30, "00:00:00:29"),
        (30, 30, "00:00:01:00"),
        (30 * 3661 + 7, 30, "01:01:01:07"),
        (30, 29.97, "00:00:01:00"),
        (12.9, 25, "00:00:00:12"),
        (239, 240, "00:00:00:239"),
        (3, 0.5, "00:00:03:00"),
        (-1, 30, "00:00:00:00"),
    ],
)
def test_format(frame: float, fps: float, text: str) -> None:
    assert format_timecode(frame, fps) == text


@pytest.mark.parametrize(
    ("text", "frame"), [("12", 12), ("12.5", 12.5), (" 1:05 ", 35), ("1:00:00", 1800), ("01:01:01:07", 109837)]
)
def test_parse(text: str, frame: float) -> None:
    assert parse_timecode(text, 30.0) == frame


@pytest.mark.parametrize("text", ["", "a", "1:2:3:4:5", "-3", "1:-2", "1e5", "inf", "1:2.5", ":"])
def test_refuses_other_text(text: str) -> None:
    with pytest.raises(InputError):
        parse_timecode(text, 30.0)


@given(st.integers(0, 10**7), st.sampled_from([1.0, 23.976, 25.0, 29.97, 60.0, 120.0]))
def test_round_trip(frame: int, fps: float) -> None:
    assert parse_timecode(format_timecode(frame, fps), fps) == frame


@pytest.mark.parametrize(
    ("frame", "fps", "text"),
    [
        (0, 30, "0 s"),
        (3, 30, "0.1 s"),
        (4, 30, ""),
        (30, 30, "1 s"),
        (45, 30, "1.5 s"),
        (1800, 29.97, "1:00"),
        (12, 24, "0.5 s"),
        (10, 24, ""),
        (1803, 30, "1:00.1"),
        (108000, 30, "60:00"),
        (1, 0.5, "1 s"),
    ],
)
def test_times_on_a_scale(frame: int, fps: float, text: str) -> None:
    assert tick_time(frame, fps) == text
