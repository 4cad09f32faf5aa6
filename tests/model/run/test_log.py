"""The log of a run is read while it is written: half-written and damaged lines, resumed and new runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from model.run.log import MAX_LINE, LogReader, parse_line


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    reader = LogReader(tmp_path / "log.jsonl")
    assert reader.read().curves == {} and reader.read().last == {}
    append(tmp_path / "log.jsonl", b'{"step": 1, "psnr": 20.0}\n')
    assert reader.read().last == {"step": 1, "psnr": 20}


def test_a_half_written_line_is_read_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    reader = LogReader(path)
    append(path, b'{"step": 1, "psnr": 20.0}\n{"step": 2, "ps')
    assert reader.read().last == {"step": 1, "psnr": 20}
    append(path, b'nr": 21.5}\n')
    steps, values = reader.read().curves["psnr"]
    np.testing.assert_array_equal((steps, values), [[1, 2], [20, 21.5]])


def test_measurements_may_be_in_some_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append(path, b'{"step": 1, "psnr": 20}\n{"step": 2, "psnr": 21, "held_back_psnr": 19}\n{"step": 3, "psnr": 22}\n')
    measured = LogReader(path).read()
    np.testing.assert_array_equal(measured.curves["held_back_psnr"], [[2], [19]])
    assert measured.last == {"step": 3, "psnr": 22, "held_back_psnr": 19}


def test_a_resumed_run_replaces_the_steps_that_it_repeats(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append(path, b'{"step": 10, "psnr": 20}\n{"step": 20, "psnr": 21}\n{"step": 30, "psnr": 22}\n{"step": 18, "psnr": 25}\n')
    np.testing.assert_array_equal(LogReader(path).read().curves["psnr"], [[10, 18], [20, 25]])


def test_a_new_run_forgets_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    reader = LogReader(path)
    append(path, b'{"step": 10, "psnr": 20}\n{"step": 20, "psnr": 21}\n')
    reader.read()
    path.write_bytes(b'{"step": 1, "psnr": 5}\n')
    assert reader.read().last == {"step": 1, "psnr": 5}
    path.unlink()
    assert reader.read().last == {}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[1]",
        b"null",
        b'{"psnr": 1}',
        b'{"step": -1}',
        b'{"step": "1"}',
        b'{"step": true}',
        b'{"step": NaN}',
        b"\xff\x00",
        b"[" * 5000,
        b'{"step": 1' + b"0" * 400 + b"}",
        b'{"step": 1, "x": "' + b"y" * MAX_LINE + b'"}',
    ],
)
def test_damaged_lines_are_skipped(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "log.jsonl"
    append(
        path,
        b'{"step": 1, "psnr": 20}\n' + line + b'\n{"step": 2, "psnr": 21, "loss": Infinity, "rays": 1' + b"0" * 400 + b"}\n",
    )
    assert LogReader(path).read().last == {"step": 2, "psnr": 21}


@given(st.binary(max_size=60))
def test_no_line_makes_it_fail(line: bytes) -> None:
    values = parse_line(line)
    assert values is None or values["step"] >= 0


def test_a_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        LogReader(tmp_path / "log.jsonl").read()
