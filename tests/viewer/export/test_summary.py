"""Descriptions of recordings before they start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from common.numbers import counted
from viewer.export.record_options import RecordOptions
from viewer.export.summary import MeasuredSizes, size_on_disk, size_text, summary

VIDEO = RecordOptions(size=(100, 50), codec="h264", quality=12)


def test_frames_length_and_pixels() -> None:
    sizes = MeasuredSizes()
    assert summary(90, 60.0, VIDEO, sizes) == "90 frames (1.50 s) of 100 x 50 pixels"
    assert summary(1, 29.97, VIDEO, sizes) == "1 frame (0.03 s) of 100 x 50 pixels"
    assert summary(90, 60.0, replace(VIDEO, codec=None), sizes) == "90 images of 100 x 50 pixels"


def test_bytes_are_judged_by_a_recording_of_the_same_kind(tmp_path: Path) -> None:
    sizes = MeasuredSizes()
    (tmp_path / "a.mp4").write_bytes(bytes(20_000))
    sizes.record(tmp_path / "a.mp4", 10, VIDEO)
    assert sizes.estimate(10, VIDEO) == 20_000
    assert sizes.estimate(30, replace(VIDEO, size=(200, 100))) == 240_000
    for other in (replace(VIDEO, codec="hevc"), replace(VIDEO, quality=30), replace(VIDEO, transparent=True)):
        assert sizes.estimate(10, other) is None
    assert summary(10, 5.0, VIDEO, sizes).endswith("pixels, about 20 kB")


def test_images_are_measured_by_their_folder(tmp_path: Path) -> None:
    sizes, options = MeasuredSizes(), replace(VIDEO, codec=None)
    for index in range(4):
        (tmp_path / f"{index}.png").write_bytes(bytes(1000))
    assert size_on_disk(tmp_path) == 4000
    sizes.record(tmp_path, 4, options)
    assert sizes.estimate(8, replace(options, quality=51)) == 8000
    assert sizes.estimate(8, replace(options, image_format="exr")) is None


def test_a_missing_file_changes_no_estimate(tmp_path: Path) -> None:
    sizes = MeasuredSizes()
    sizes.record(tmp_path / "none.mp4", 10, VIDEO)
    assert sizes.estimate(10, VIDEO) is None


@pytest.mark.parametrize(
    ("size", "words"), [(1, "1 kB"), (340_000, "340 kB"), (3_440_000, "3.4 MB"), (34_400_000, "34 MB"), (12 * 10**9, "12 GB")]
)
def test_bytes_in_words(size: int, words: str) -> None:
    assert size_text(size) == words


def test_one_thing_has_no_s() -> None:
    assert [counted(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
