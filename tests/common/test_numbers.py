"""Numbers as people write them, on the command line and in files."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

from common.command_line import parse_count, parse_finite
from common.errors import InputError
from common.numbers import parse_number, parse_whole
from common.validation import FIELDS, Rate, WholeNumber, validated
from common.yaml_documents import read_yaml
from training.captures.meta import read_meta
from viewer.cli import make_parser
from viewer.option_types import parse_range


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25", 25.0),
        ("30000/1001", 30000 / 1001),
        ("3e-3", 0.003),
        ("-.5", -0.5),
        ("512.0", 512.0),
        ("5.", 5.0),
        (" 1 / 4 ", 0.25),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert parse_number(text) == value == parse_finite(text)


@pytest.mark.parametrize("text", ["", "x", "1/0", "1/2/3", "nan", "inf", "1e999", "1_0", "٣", "/2", "1/", "9" * 400, "0x10"])
def test_texts_that_are_no_numbers(text: str) -> None:
    assert parse_number(text) is None and parse_whole(text) is None
    with pytest.raises(argparse.ArgumentTypeError, match="not a number"):
        parse_finite(text)


@pytest.mark.parametrize(
    ("text", "value"), [("512", 512), ("512.0", 512), ("3e3", 3000), ("0", 0), ("1.5", None), ("-3", None)]
)
def test_whole_numbers(text: str, value: int | None) -> None:
    assert parse_whole(text) == value
    if value:
        assert parse_count(text) == value


def test_the_command_line() -> None:
    options = make_parser().parse_args(["--record", "a.mp4", "--fps", "30000/1001", "--size", "512.0x3e2"])
    assert (options.fps, options.size) == (30000 / 1001, (512, 300)) and parse_range("1.0:60") == (1, 60)


def test_files(tmp_path: Path) -> None:
    @dataclass(config=FIELDS)
    class Values:
        """Fields of both kinds."""

        count: WholeNumber = 1
        rate: Rate = 1.0

    file = tmp_path / "a.yaml"
    for text, count, rate in (
        ("count: 512.0", 512, 1.0),
        ("rate: 30000/1001", 1, 30000 / 1001),
        ("count: 3e3\nrate: 25", 3000, 25.0),
    ):
        file.write_text(text)
        assert validated(Values, read_yaml(file), "a") == Values(count, rate)
    for text in ("count: 1.5", "count: true", "count: '5'", "rate: 1/0", "rate: many", "count: .inf"):
        file.write_text(text)
        with pytest.raises(InputError):
            validated(Values, read_yaml(file), "a")


def test_the_rate_of_a_capture(tmp_path: Path) -> None:
    (tmp_path / "meta.yaml").write_text("fps: 30000/1001\n")
    assert read_meta(tmp_path / "meta.yaml").fps == 30000 / 1001
