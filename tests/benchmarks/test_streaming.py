"""The benchmark of streaming."""

from __future__ import annotations

from pathlib import Path

from benchmarks.streaming import HEAD_BYTES, measure_bundle, measure_playback
from model.bundle.info import write_bundle
from tests.factories import make_video


def test_times_are_in_order_and_no_byte_is_fetched_twice(tmp_path: Path) -> None:
    write_bundle(make_video(num_frames=2), tmp_path / "x.mlpvid")
    values = measure_bundle(tmp_path / "x.mlpvid", 1000)
    assert 0 < values["first_answer_seconds"] <= values["loaded_seconds"] <= values["first_picture_seconds"]
    assert values["fetched_bytes"] == values["bytes"] == (tmp_path / "x.mlpvid").stat().st_size


def test_the_first_segment_takes_at_least_as_long_as_the_line() -> None:
    values = measure_playback(1, 1000, 80)
    assert values["first_segment_seconds"] >= (HEAD_BYTES + 30_000) * 7.9 / 80e6
    assert values["needed_megabits"] == 0.24
