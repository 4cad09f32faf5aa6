"""What the file browser lists."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from viewer.dialogs.file_browser import (
    MAX_ENTRIES,
    Entry,
    FileBrowser,
    list_folder,
    matches,
    named_folder,
    printable,
    readable_size,
    readable_time,
)
from viewer.dialogs.prompts import path_file


def test_folders_come_first_and_hidden_files_and_dead_links_are_left_out(tmp_path: Path) -> None:
    for name in ("b.mlpvid", "A.mlpvid", ".hidden"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "zebra").mkdir()
    if sys.platform != "win32":
        (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    found = list_folder(tmp_path)
    assert [(entry.name, entry.is_folder) for entry in found] == [("zebra", True), ("A.mlpvid", False), ("b.mlpvid", False)]
    assert found[1] == Entry("A.mlpvid", False, 5, (tmp_path / "A.mlpvid").stat().st_mtime)
    with pytest.raises(FileNotFoundError):
        list_folder(tmp_path / "nowhere")


def test_typed_names_of_folders(tmp_path: Path) -> None:
    assert named_folder(f" {tmp_path} ") == tmp_path and named_folder("~") == Path.home()
    for text in ("x" * 300, "~no-such-user/x", str(tmp_path / "missing")):  # Path.is_dir and expanduser raise for the first two
        assert named_folder(text) is None


def test_answers_that_no_file_can_have_are_missing() -> None:
    browser = FileBrowser()
    assert browser._accept("x" * 300, saving=False) is None
    assert browser._missing == "x" * 300, "the dialog says that there is no such file"


def test_a_large_folder_is_listed_in_part(tmp_path: Path) -> None:
    for index in range(MAX_ENTRIES + 10):
        (tmp_path / f"{index:05d}").touch()
    assert len(list_folder(tmp_path)) == MAX_ENTRIES


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (99_940, "99.9 KB"),
        (99_960, "100 KB"),
        (1_500_000, "1.5 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert readable_size(count) == text


@pytest.mark.parametrize("changed", [9e18, -9e18, float(1 << 70)])
def test_times_beyond_all_calendars_are_left_out(changed: float) -> None:
    assert readable_time(changed) == "" and readable_time(0.0)[:4] in ("1969", "1970")


def test_a_filter_may_have_several_patterns() -> None:
    names = ("a.png", "B.JPG", "c.txt", "png")
    assert [matches(name, "*.png *.jpg") for name in names] == [True, True, False, False]
    assert all(matches(name, "*") for name in names)


@pytest.mark.parametrize(
    ("typed", "suffix", "name"),
    [
        ("two", ".mlpvid-scene", "two.mlpvid-scene"),
        ("two.mlpvid-scene", ".mlpvid-scene", "two.mlpvid-scene"),
        ("take.1", ".mlpvid-scene", "take.1.mlpvid-scene"),
        ("path", ".json", "path.json"),
        ("path.txt", ".json", "path.txt"),
    ],
)
def test_a_missing_suffix_is_added(typed: str, suffix: str, name: str) -> None:
    assert path_file(typed, suffix).name == name


def test_names_that_are_not_text_can_be_shown() -> None:
    assert printable(os.fsdecode(b"a\xff.mlpvid")) == "a\ufffd.mlpvid" or sys.platform == "win32"
